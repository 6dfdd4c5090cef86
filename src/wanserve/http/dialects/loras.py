"""The field that names LoRAs: a list, or one; each by its name alone, or as an object; in a form also as a text of JSON."""

from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from wanserve.domain.choosing import LoraRequest
from wanserve.domain.errors import InvalidRequest
from wanserve.http.dialects.reading import parse_json


class LoraField(BaseModel):
    """A LoRA of the owner's list."""

    # A file, an address or a misspelt strength would change the video: nothing of an object is ignored.
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(description="As GET /v1/models lists it.")]
    strength: Annotated[float | None, Field(description="How strongly it is applied; left out: the owner's.")] = None
    scale: Annotated[float | None, Field(description="The same, by vLLM-Omni's name.")] = None

    def request(self) -> LoraRequest:
        """The LoRA as a request names it. Raises InvalidRequest."""
        if None not in (self.strength, self.scale) and self.strength != self.scale:
            raise InvalidRequest("loras", f"{self.name} has a strength and another scale")
        return LoraRequest(self.name, self.scale if self.strength is None else self.strength)


def _as_list(value: object) -> object:
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            value = parse_json(value.encode())
        except ValueError as error:
            raise PydanticCustomError("loras", "must be JSON, or a name") from error
    # By identity: 0 equals False, and is not left out.
    if value is None or value is False or value in ("", [], {}):
        return None
    each = value if isinstance(value, list) else [value]
    return [{"name": item} if isinstance(item, str) else item for item in each]


_DESCRIPTION: Final = "LoRAs of the model's `choices`, in this order. Also one object, one name or names alone, and in a form a text of JSON."
Loras = Annotated[list[LoraField] | None, BeforeValidator(_as_list), Field(description=_DESCRIPTION)]


def read_loras(loras: list[LoraField] | None, lora: list[LoraField] | None) -> tuple[LoraRequest, ...]:
    """The LoRAs that a request names in one of these two fields. Raises InvalidRequest."""
    if loras and lora:
        raise InvalidRequest("loras", "must be left out beside lora, which is another name for it")
    return tuple(each.request() for each in loras or lora or ())
