"""Knows which attention kernels make wrong pictures on which GPUs. Pure."""

from typing import Final

HOPPER: Final = (9, 0)
"""The compute capability of the H100, H200 and GH200."""


def attention_problem(attention: str | None, capability: tuple[int, int] | None) -> str | None:
    """Why this kernel must not be used on a GPU of this compute capability, and what to set instead; None if it may.

    `sage` leaves the choice to the library sageattention, which on these GPUs takes `_sage_qk_int8_pv_fp8_cuda_sm90`:
    Wan 2.2 makes noise with it, and not with the other kernels. Source: huggingface/diffusers#12783.
    """
    if attention == "sage" and capability == HOPPER:
        return (
            'attention = "sage" makes noise on GPUs of compute capability 9.0, such as this one: set'
            ' "_sage_qk_int8_pv_fp16_cuda", "_flash_3" or "native" instead'
        )
    return None
