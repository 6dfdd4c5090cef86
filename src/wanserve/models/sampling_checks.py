"""Says what is wrong with the settings of a model, from the settings and from the headers of its files."""

from pathlib import Path

from wanserve.domain.errors import SetupError
from wanserve.models.architecture import Shapes, transformer_tensors
from wanserve.models.lora_file import read_lora
from wanserve.models.model_settings import ModelSettings
from wanserve.models.sampling import Lora, Profile, SamplingSettings
from wanserve.models.tensor_files import is_file, read_json
from wanserve.models.weights import CONFIG, EXPERTS


def settings_problem(own: ModelSettings, sampling: SamplingSettings, folder: Path | None) -> str | None:
    """The problem with the owner's settings of a model, with `sampling` made of them; None without one.

    `folder` has its weights, whose layers the LoRAs must have; None where they are not on this machine.
    """
    return sampling.problem() or _unused(own, sampling) or _files_problem(sampling, folder)


def _unused(own: ModelSettings, sampling: SamplingSettings) -> str | None:
    """Which setting would change nothing: whoever sets it expects that it does."""
    profiles = {Profile(each) for each in sampling.choices.profiles} | {sampling.profile}
    if own.distill is not None and Profile.FAST not in profiles:
        return 'distill is for the profile fast: set profile = "fast", or let requests choose it in requests.profiles'
    guided = any(sampling.resolved(profile).guidance_scale > 1 for profile in profiles)
    may_be_guided = sampling.choices.guidance_scale is not None and sampling.choices.guidance_scale[1] > 1
    if own.negative_prompt and not guided and not may_be_guided:
        return "negative_prompt changes nothing, as the model is made without guidance: leave it out"
    return None


def _files_problem(sampling: SamplingSettings, folder: Path | None) -> str | None:
    """The first LoRA file that is missing, damaged or not for these weights."""
    distilled = (sampling.distill.lora,) if sampling.distill else ()
    loras: tuple[Lora, ...] = (*sampling.loras, *sampling.offered_loras.values(), *distilled)
    missing = next((file for lora in loras for file in lora.files if not is_file(Path(file))), None)
    if missing is not None:
        return f"there is no LoRA file {missing}"
    if folder is None:
        return None
    try:
        for number, part in enumerate(EXPERTS[: sampling.experts]):
            _require_fitting(loras, number, transformer_tensors(read_json(folder / part / CONFIG)))
    except SetupError as error:
        return str(error)
    return None


def _require_fitting(loras: tuple[Lora, ...], number: int, tensors: Shapes) -> None:
    """Raise SetupError where a file is not for the expert with this number, which has these tensors."""
    for lora in loras:
        file, strength = lora.for_expert(number)
        if file is not None and strength != 0:
            read_lora(Path(file), tensors)
