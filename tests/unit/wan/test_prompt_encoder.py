"""Encoding: prompts are cleaned as the authors do it, encoded once, and stopped between two layers of the encoder."""

from typing import Any

import pytest
import torch
from transformers import UMT5Config, UMT5EncoderModel

from tests.unit.wan.engines import SMALL, TURBO, ignore_progress, loaded_engine, tiny_card
from wanserve.domain.errors import Canceled
from wanserve.engine.wan.engine import WanEngine
from wanserve.engine.wan.prompt_encoder import PromptEncoder


@pytest.fixture
def text(turbo: WanEngine) -> PromptEncoder:
    assert turbo._loaded is not None
    return PromptEncoder(turbo._loaded.pipe, torch.device("cpu"))


def count_calls(text: PromptEncoder) -> list[int]:
    calls: list[int] = []
    text._pipe.text_encoder.register_forward_pre_hook(lambda *_: calls.append(1))
    return calls


@pytest.mark.parametrize(
    "written",
    ["a cat & a dog", "a cat &amp; a dog", "a cat &amp;amp; a dog", "  a cat\n&\ta  dog ", "a cat ＆ a dog"],
)
def test_prompts_that_the_authors_clean_to_the_same_text_give_the_same_embeddings(
    written: str, text: PromptEncoder
) -> None:
    calls = count_calls(text)
    expected = text.encode("a cat & a dog", ignore_progress)
    assert torch.equal(text.encode(written, ignore_progress), expected)
    assert len(calls) == 1


def test_mangled_letters_are_mended(text: PromptEncoder) -> None:
    # ftfy repairs UTF-8 that was decoded as Latin-1. Without ftfy diffusers silently leaves it as it is.
    assert torch.equal(
        text.encode("a cafÃ© at night", ignore_progress), text.encode("a café at night", ignore_progress)
    )


def test_embeddings_are_512_tokens_with_zeros_behind_the_prompt(text: PromptEncoder) -> None:
    embeddings = text.encode("a cat", ignore_progress)
    assert embeddings.shape == (1, 512, 32)
    tokens = len(text._pipe.tokenizer("a cat").input_ids)
    assert embeddings[0, :tokens].abs().sum(1).min() > 0
    assert not embeddings[0, tokens:].any()


def test_only_so_many_are_remembered_the_latest_used(text: PromptEncoder) -> None:
    text = PromptEncoder(text._pipe, torch.device("cpu"), capacity=3)
    calls = count_calls(text)
    for number in range(4):
        text.encode("kept", ignore_progress)
        text.encode(f"prompt {number}", ignore_progress)
    assert len(text._cache) == 3
    made = len(calls)
    text.encode("kept", ignore_progress)
    assert len(calls) == made
    text.encode("prompt 0", ignore_progress)
    assert len(calls) == made + 1


def test_a_cancel_is_seen_between_two_layers(text: PromptEncoder) -> None:
    fractions: list[float] = []

    def cancel_at_the_second(fraction: float) -> None:
        fractions.append(fraction)
        if fraction > 0:
            raise Canceled("asked")

    with pytest.raises(Canceled):
        text.encode("a new prompt", cancel_at_the_second)
    assert fractions == [0.0, 0.5]
    # The cache keeps no unfinished embeddings, and no hook remains.
    assert text.encode("a new prompt", fractions.append).any()
    assert fractions == [0.0, 0.5, 0.0, 0.5]
    assert not any(block._forward_pre_hooks for block in text._pipe.text_encoder.encoder.block)


def test_the_negative_prompt_is_not_read_where_there_is_no_guidance() -> None:
    engine = loaded_engine(tiny_card(TURBO, guidance_scale=1.0))
    assert engine._loaded is not None
    calls = count_calls(engine._loaded.prompt_encoder)
    engine.generate(SMALL, ignore_progress)
    assert len(calls) == 1


@pytest.mark.parametrize("kept", ["shared.weight", "encoder.embed_tokens.weight"])
def test_the_encoder_loads_its_embedding_under_either_name(kept: str, tmp_path: Any) -> None:
    # Early versions of transformers 5 left it zero for Wan's files, so that no prompt had an effect:
    # huggingface/transformers#43880.
    from safetensors.torch import save_file

    model = UMT5EncoderModel(UMT5Config(vocab_size=64, d_model=16, d_kv=4, d_ff=32, num_layers=1, num_heads=4))
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items() if "embed" not in name}
    weights.pop("shared.weight", None)
    weights[kept] = model.shared.weight.detach().clone()
    model.config.save_pretrained(tmp_path)
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    loaded = UMT5EncoderModel.from_pretrained(tmp_path)
    assert torch.equal(loaded.encoder.embed_tokens.weight, model.shared.weight)
    assert loaded.encoder.embed_tokens.weight.any()
