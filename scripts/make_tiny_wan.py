"""Makes the tiny checkpoints of the tests: the real classes of the Wan pipeline with random weights and few of them.

    python scripts/make_tiny_wan.py tests/assets

writes `tiny-wan` (one expert) and `tiny-wan22` (two) there. They have the real layout and the real shapes' proportions,
so that code which runs on them has nothing else to meet in the real ones but size. The tokenizer is taken from the
folder, where `tokenizer.json` stands: training one is not repeatable (`--new-tokenizer` makes it anew), all else is.
"""

import shutil
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, T5TokenizerFast, UMT5Config, UMT5EncoderModel

ROOT = Path(__file__).parents[1]
TEXT_DIM = 32
SPECIAL = ["<pad>", "</s>", "<unk>"]


def main() -> None:
    """Write both checkpoints below the folder that is the first argument."""
    folder = Path(sys.argv[1])
    if "--new-tokenizer" in sys.argv:
        train_tokenizer(folder / "tokenizer.json")
    for name, experts in (("tiny-wan", 1), ("tiny-wan22", 2)):
        shutil.rmtree(folder / name, ignore_errors=True)
        make_pipeline(folder / "tokenizer.json", experts).save_pretrained(folder / name)
        repair_index(folder / name / "model_index.json")


def make_pipeline(tokenizer_file: Path, experts: int) -> WanPipeline:
    """The pipeline with `experts` transformers, the same weights each time."""
    torch.manual_seed(20)
    tokenizer = T5TokenizerFast(tokenizer_object=Tokenizer.from_file(str(tokenizer_file)), extra_ids=0)
    text_encoder = UMT5EncoderModel(
        UMT5Config(
            vocab_size=len(tokenizer), d_model=TEXT_DIM, d_kv=8, d_ff=64, num_layers=2, num_heads=4, dropout_rate=0.1
        )
    )
    return WanPipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder.eval(),
        vae=AutoencoderKLWan(base_dim=4, z_dim=16, num_res_blocks=1).eval(),
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=3.0
        ),
        transformer=make_transformer(),
        transformer_2=make_transformer() if experts == 2 else None,
        boundary_ratio=0.875 if experts == 2 else None,
    )


def make_transformer() -> WanTransformer3DModel:
    """A transformer with the next random weights."""
    made: WanTransformer3DModel = WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=TEXT_DIM,
        freq_dim=32,
        ffn_dim=64,
        num_layers=2,
    ).eval()
    return made


def train_tokenizer(file: Path) -> None:
    """Train a small Unigram tokenizer, of T5's form, on the project's own documents."""
    corpus = [file.read_text(encoding="utf-8") for file in sorted((ROOT / "docs").rglob("*.md"))]
    corpus += [(ROOT / "src/wanserve/models/sampling.py").read_text(encoding="utf-8")]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=512, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator([line for text in corpus for line in text.splitlines()], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.save(str(file))


def repair_index(index: Path) -> None:
    """Name the tokenizer's class as the real repositories do; transformers 5 writes its own name for every one."""
    text = index.read_text(encoding="utf-8")
    for own in ("TokenizersBackend", PreTrainedTokenizerFast.__name__):
        text = text.replace(f'"{own}"', '"T5TokenizerFast"')
    index.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
