"""Loads text encoders as the wan engine does and describes them, in a process of its own, as importing torch is slow.

    python -m tests.integration.encoders FETCHED CONVERTED [FETCHED CONVERTED …]

prints one JSON object: whether torch rounds as the conversion does, and for each pair of folders the format in which
the converted one loads, whether each number is the fetched one as torch rounds it, and the size of the embedding's.
"""

import json
import sys
from typing import Any

import torch
from transformers import UMT5EncoderModel

from wanserve.models.bf16 import round_to_bf16


def rounds_alike() -> bool:
    """Each upper half of an fp32 number, with lower halves around the tie: all exponents, infinities and NaNs."""
    upper = torch.arange(2**16, dtype=torch.int64) << 16
    lower = torch.tensor([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
    bits = (upper[:, None] + lower).flatten()
    numbers = torch.where(bits >= 2**31, bits - 2**32, bits).to(torch.int32).view(torch.float32)
    ours = torch.frombuffer(bytearray(round_to_bf16(numbers.numpy().tobytes())), dtype=torch.bfloat16)
    theirs = numbers.to(torch.bfloat16)
    # The bits of torch's NaNs differ between processors.
    return bool(((ours.view(torch.int16) == theirs.view(torch.int16)) | (ours.isnan() & theirs.isnan())).all())


def compare(fetched: str, converted: str) -> dict[str, Any]:
    """The description of one pair of folders."""
    before = UMT5EncoderModel.from_pretrained(fetched, dtype=torch.float32)
    after = UMT5EncoderModel.from_pretrained(converted)
    stored = UMT5EncoderModel.from_pretrained(converted, dtype=torch.float32)
    numbers, rounded_ones = stored.state_dict(), before.to(torch.bfloat16).state_dict()
    return {
        "dtype": str(after.dtype),
        "same": numbers.keys() == rounded_ones.keys()
        and all(torch.equal(numbers[name], rounded_ones[name].float()) for name in numbers),
        "embedding": after.get_input_embeddings().weight.float().abs().mean().item(),
    }


if __name__ == "__main__":
    pairs = zip(sys.argv[1::2], sys.argv[2::2], strict=True)
    print(json.dumps({"rounds_alike": rounds_alike(), "encoders": [compare(*pair) for pair in pairs]}))  # noqa: T201
