"""A small web shop."""

from http import HTTPStatus


class Refused(Exception):
    """A request that cannot be met; the text is shown to whoever asked."""

    status = HTTPStatus.BAD_REQUEST


class Forbidden(Refused):
    """The user may not do this."""

    status = HTTPStatus.FORBIDDEN


class NotFound(Refused):
    """There is nothing here, or nothing that this user may know of."""

    status = HTTPStatus.NOT_FOUND
