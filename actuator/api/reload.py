"""``POST /-/reload``: read the configuration and its token files again, as the ecosystem's programs do."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from actuator.api.access import Caller, caller
from actuator.api.problems import Problem, refused
from actuator.api.services import Wired
from actuator.errors import ConfigurationError

router = APIRouter(tags=["reload"], dependencies=[Depends(caller)])


class ReloadAnswer(BaseModel):
    """What became of it.

    Attributes:
        changed: The keys whose values changed; tokens and certificates are read again in any case.
    """

    changed: list[str]


@router.post("/-/reload", responses={409: {"model": Problem}})
def reload(name: Caller, services: Wired) -> ReloadAnswer:
    """Take over what changed in the files, or nothing: 409 says what is wrong, and the old configuration stays.

    Mode, guests, limits, timing, tokens and certificates can change; everything else takes a restart. A job that has
    asked for its migration goes on; any other is judged by the new rules before it asks. SIGHUP does the same.
    """
    try:
        return ReloadAnswer(changed=services.reload(name))
    except ConfigurationError as error:
        raise refused(409, str(error)) from None
