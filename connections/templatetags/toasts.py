"""What the template of messages asks of one."""

from django import template

from connections.dashboard import toasts

register = template.Library()
register.simple_tag(toasts.action_of, name="action_of")
