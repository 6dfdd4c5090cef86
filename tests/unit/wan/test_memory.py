"""The placement of a model, compared with the memory peaks that the authors and others published for real GPUs."""

from dataclasses import replace
from typing import Any

import pytest

from wanserve.domain.catalogue import TIER_480P
from wanserve.domain.errors import SetupError
from wanserve.engine.wan.memory import BlockFormat, memory_needs, parameter_count, plan_memory
from wanserve.models.sampling import (
    SHAPE_1_3B,
    SHAPE_14B,
    WAN_MODELS,
    Placement,
    Precision,
    Profile,
    StoredSizes,
    WanModelCard,
)

GB = 10**9
GIB = 2**30
TURBO, PLUS_21, PLUS_22 = "wanx2.1-t2v-turbo", "wanx2.1-t2v-plus", "wan2.2-t2v-plus"
HOST = 256 * GB


def card(name: str, **otherwise: Any) -> WanModelCard:
    return replace(WAN_MODELS[name], sampling=replace(WAN_MODELS[name].sampling, **otherwise))


def test_weights_are_as_large_as_the_files() -> None:
    # Computed from the configuration, the 1.3B's checked on its file: 2.64, 26.6 and 13.5 GiB.
    assert parameter_count(SHAPE_1_3B) == pytest.approx(1.419e9, rel=0.005)
    assert parameter_count(SHAPE_14B) == pytest.approx(14.288e9, rel=0.005)
    assert memory_needs(card(TURBO), BlockFormat.AS_LOADED).transformer / GIB == pytest.approx(2.64, rel=0.01)
    assert memory_needs(card(PLUS_21), BlockFormat.AS_LOADED).transformer / GIB == pytest.approx(26.6, rel=0.01)
    assert memory_needs(card(PLUS_21), BlockFormat.INT8).transformer / GIB == pytest.approx(13.5, rel=0.01)
    assert memory_needs(
        card(PLUS_21, precision=Precision.FP32), BlockFormat.AS_LOADED
    ).transformer / GIB == pytest.approx(53.2, rel=0.01)
    assert memory_needs(card(PLUS_22), BlockFormat.AS_LOADED).text / GIB == pytest.approx(10.6, rel=0.01)


@pytest.mark.parametrize(
    ("asked", "placement", "published"),
    [
        # Authors' tables, one GPU: 14B at 720p with everything on it and an fp32 VAE.
        (card(PLUS_21, precision=Precision.BF16), Placement.WHOLE, 69.1),
        # A14B with offload and bf16, at 720p; the fp32 VAE decodes alone.
        (card(PLUS_22), Placement.PARTS, 59.8),
        # diffusers' documentation: 14B with group offload.
        (card(PLUS_21, tiled_decode=True), Placement.GROUPS, 13.0),
    ],
)
def test_peaks_are_near_the_published_ones_and_never_far_below(
    asked: WanModelCard, placement: Placement, published: float
) -> None:
    asked = replace(asked, sampling=replace(asked.sampling, placement=placement))
    expected = plan_memory(asked, 10**12, 10**12).device_bytes / GB
    # wanserve decodes one latent frame at a time in bf16, the authors the whole clip in fp32: up to a third less.
    assert 0.66 * published <= expected <= 1.15 * published


def test_what_runs_on_a_24_gb_card_by_the_authors_table_fits_there() -> None:
    # Wan 2.1 1.3B at 480p on a 4090, 8.19 GB with the text encoder on the CPU.
    small = replace(card(TURBO), sizes=TIER_480P)
    fits = plan_memory(replace(small, sampling=replace(small.sampling, placement=Placement.TEXT_OFF)), 24 * GB, HOST)
    assert 7 * GB < fits.device_bytes < 12 * GB


def test_the_working_memory_is_that_of_an_h200() -> None:
    # Measured with the shape of the 1.3B, 81 frames of 832*480, blocks not compiled: see docs/wan.md.
    needs = memory_needs(replace(card(TURBO), sizes=((832, 480),)), BlockFormat.AS_LOADED)
    assert 1.64 * GB <= needs.denoising <= 1.1 * 1.64 * GB
    assert 4.06 * GB <= needs.decoding <= 1.3 * 4.06 * GB


def test_the_working_memory_of_the_larger_shape_is_that_of_an_h200() -> None:
    # Measured with the shape of the 14B, 81 frames of 1280*720, blocks not compiled: see docs/wan.md.
    needs = memory_needs(card(PLUS_21), BlockFormat.AS_LOADED)
    assert 8.68 * GB <= needs.denoising <= 1.1 * 8.68 * GB
    assert 9.42 * GB <= needs.decoding <= 1.3 * 9.42 * GB
    assert 2.66 * GB <= needs.decoding_tiled <= 1.3 * 2.66 * GB
    in_fp32 = memory_needs(card(PLUS_22), BlockFormat.AS_LOADED)
    assert 5.99 * GB <= in_fp32.decoding_tiled <= 1.3 * 5.99 * GB


@pytest.mark.parametrize(
    ("name", "gigabytes", "placement", "tiled"),
    [
        (TURBO, 12, Placement.TEXT_OFF, True),
        (TURBO, 24, Placement.TEXT_OFF, False),
        (TURBO, 48, Placement.WHOLE, False),
        (PLUS_21, 16, Placement.GROUPS, True),
        (PLUS_21, 24, Placement.GROUPS, False),
        (PLUS_21, 48, Placement.TEXT_OFF, False),
        (PLUS_21, 80, Placement.WHOLE, False),
        (PLUS_22, 24, Placement.GROUPS, True),
        (PLUS_22, 48, Placement.PARTS, False),
        (PLUS_22, 80, Placement.PARTS, False),
        (PLUS_22, 141, Placement.WHOLE, False),
    ],
)
def test_each_card_gets_the_fastest_placement_that_is_exact_and_fits(
    name: str, gigabytes: int, placement: Placement, tiled: bool
) -> None:
    plan = plan_memory(card(name), int(gigabytes * GB * 0.98), HOST)
    assert (plan.placement, plan.tiled, plan.block_format) == (placement, tiled, BlockFormat.AS_LOADED)
    assert plan.device_bytes <= gigabytes * GB


def test_two_experts_do_not_fit_whole_where_the_field_ran_out_of_memory() -> None:
    # Wan2.2#42: A14B at 720p on 80 GB, out of memory in the decode.
    with pytest.raises(SetupError):
        plan_memory(card(PLUS_22, placement=Placement.WHOLE), 80 * GB, HOST)


def test_the_profile_small_quantises_and_decodes_in_tiles() -> None:
    plan = plan_memory(card(PLUS_21, profile=Profile.SMALL), 32 * GB, HOST)
    assert (plan.block_format, plan.tiled, plan.placement) == (BlockFormat.INT8, True, Placement.TEXT_OFF)
    # 14 billion bytes and the working memory do not fit: the 8-bit blocks come and go one at a time.
    offloaded = plan_memory(card(PLUS_21, profile=Profile.SMALL), 16 * GB, 32 * GB)
    assert (offloaded.placement, offloaded.block_format) == (Placement.GROUPS, BlockFormat.INT8)
    assert plan_memory(card(PLUS_22, profile=Profile.SMALL), 24 * GB, 64 * GB).placement is Placement.GROUPS


STORED_FP8 = StoredSizes(14 * GB, 14 * 10**9, 5 * GB, 5 * 10**9)


def test_weights_that_stay_in_8_bits_are_planned_as_such() -> None:
    # In bf16 the two experts have 57 GB, and 64 GB of host memory have no room for them and the text encoder.
    with pytest.raises(SetupError, match=r"of the host; 24.0 GB and 64.0 GB are free"):
        plan_memory(card(PLUS_22), 24 * GB, 64 * GB)
    plan = plan_memory(card(PLUS_22, stored=STORED_FP8), 24 * GB, 64 * GB)
    assert (plan.placement, plan.block_format) == (Placement.GROUPS, BlockFormat.AS_LOADED)
    assert plan.host_bytes <= 64 * GB
    one = plan_memory(card(PLUS_21, stored=STORED_FP8), 16 * GB, 32 * GB)
    assert one.device_bytes <= 16 * GB
    whole, fp8 = (
        memory_needs(each, BlockFormat.AS_LOADED) for each in (card(PLUS_21), card(PLUS_21, stored=STORED_FP8))
    )
    assert whole.transformer - fp8.transformer == 14 * GB
    assert whole.text - fp8.text == 5 * GB
    # One matrix at a time is upcast.
    assert fp8.denoising - whole.denoising == 5120 * 13824 * 10
    small = card(PLUS_21, stored=StoredSizes(14 * GB, 14 * 10**9), profile=Profile.SMALL)
    assert memory_needs(small, BlockFormat.INT8).transformer < 15 * GB, "what is stored in 8 bits is not counted twice"


@pytest.mark.parametrize(
    ("precision", "bf16", "number_bytes"),
    [
        (Precision.AUTO, True, 2),
        (Precision.AUTO, False, 4),
        (Precision.BF16, False, 2),
        (Precision.BF16, True, 2),
        (Precision.FP32, True, 4),
    ],
)
def test_a_card_without_units_for_bf16_is_planned_as_it_is_loaded(
    precision: Precision, number_bytes: int, *, bf16: bool
) -> None:
    asked = card(TURBO, precision=precision)
    needs = memory_needs(asked, BlockFormat.AS_LOADED, bf16=bf16)
    assert needs.transformer == parameter_count(asked.sampling.shape) * number_bytes
    twice, once = (memory_needs(card(TURBO), BlockFormat.AS_LOADED, bf16=each) for each in (False, True))
    assert (twice.text, twice.denoising, twice.decoding) == (2 * once.text, 2 * once.denoising, 2 * once.decoding)


def test_what_fits_in_bf16_only_is_not_planned_on_a_card_without_it() -> None:
    # A V100 of 32 GB: in bf16 the whole model takes 30 GB.
    assert plan_memory(card(TURBO), 32 * GB, HOST).placement is Placement.WHOLE
    plan = plan_memory(card(TURBO), 32 * GB, HOST, bf16=False)
    assert (plan.placement, plan.device_bytes > 20 * GB) == (Placement.PARTS, True)


def test_what_the_owner_sets_stands() -> None:
    forced = card(TURBO, placement=Placement.GROUPS, tiled_decode=True)
    plan = plan_memory(forced, 80 * GB, HOST)
    assert (plan.placement, plan.tiled) == (Placement.GROUPS, True)
    assert not plan_memory(card(TURBO, tiled_decode=False), 80 * GB, HOST).tiled


def test_what_fits_nowhere_is_told_with_the_numbers() -> None:
    with pytest.raises(
        SetupError,
        match=r"wanx2.1-t2v-plus needs 13\.\d GB of the device and \d+\.\d GB of the host; 8.0 GB and 256.0 GB are free",
    ):
        plan_memory(card(PLUS_21), 8 * GB, HOST)


def test_offloaded_weights_are_pinned_where_the_host_has_room_for_it() -> None:
    assert plan_memory(card(PLUS_22), 48 * GB, 256 * GB).pinned
    tight = plan_memory(card(PLUS_22), 48 * GB, 90 * GB)
    assert not tight.pinned
    assert tight.host_bytes <= 90 * GB
    with pytest.raises(SetupError):
        plan_memory(card(PLUS_22), 48 * GB, 40 * GB)


def test_a_plan_tells_itself() -> None:
    assert plan_memory(card(TURBO), 12 * GB, HOST).description.startswith(
        "text encoder in host memory, decoded in tiles, "
    )
