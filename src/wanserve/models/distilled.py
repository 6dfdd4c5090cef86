"""The distilled LoRAs that `wanserve models pull NAME --fast` fetches, with the settings that their authors give."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wanserve.models.sampling import Distillation, Lora
from wanserve.models.tensor_files import is_file


@dataclass(frozen=True, slots=True)
class KnownLora:
    """A distilled LoRA on the hub: its repository, its file for each expert, and how a model with it is sampled.

    `source` is where the settings come from.
    """

    hub_id: str
    files: tuple[str, ...]
    steps: int
    flow_shift: float
    strength: float
    source: str


KNOWN: Final[Mapping[str, KnownLora]] = {
    "wanx2.1-t2v-plus": KnownLora(
        hub_id="lightx2v/Wan2.1-Distill-Loras",
        files=("wan2.1_t2v_14b_lora_rank64_lightx2v_4step.safetensors",),
        steps=4,
        flow_shift=5.0,
        strength=1.0,
        source="ModelTC/LightX2V, configs/distill/wan21/wan_t2v_distill_lora_4step_cfg.json",
    ),
    "wan2.2-t2v-plus": KnownLora(
        hub_id="lightx2v/Wan2.2-Distill-Loras",
        files=(
            "wan2.2_t2v_A14b_high_noise_lora_rank64_lightx2v_4step_1217.safetensors",
            "wan2.2_t2v_A14b_low_noise_lora_rank64_lightx2v_4step_1217.safetensors",
        ),
        steps=4,
        flow_shift=5.0,
        strength=1.0,
        source="ModelTC/LightX2V, configs/distill/wan22/wan_moe_t2v_distill_lora.json",
    ),
}
"""By model, each for 4 steps without guidance. The authors of these publish none for 8 steps, and none for the 1.3B."""


def lora_folder(models_dir: Path, model: str) -> Path:
    """Where the distilled LoRA of the model is, once it is pulled."""
    return models_dir / f"{model}.fast"


def pulled_distillation(models_dir: Path, model: str) -> Distillation | None:
    """What the profile `fast` of the model is made with, where its LoRA was pulled; else None."""
    known, folder = KNOWN.get(model), lora_folder(models_dir, model)
    if known is None or not all(is_file(folder / file) for file in known.files):
        return None
    first, *second = (str(folder / file) for file in known.files)
    lora = Lora(first, second[0] if second else None, known.strength)
    return Distillation(lora, steps=known.steps, flow_shift=known.flow_shift)
