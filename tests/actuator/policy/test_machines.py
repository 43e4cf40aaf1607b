"""Whether a guest can go on running on another machine."""

from __future__ import annotations

import pytest

from actuator.policy.machines import Machine, needs_cpu, needs_flags, unfit
from actuator.policy.reasons import Reason
from actuator.policy.versions import Version

INTEL = "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz"
INTEL_OLD = "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz"
AMD = "AMD EPYC 7302 16-Core Processor"
NEW, OLD = Version.parse("9.1.9"), Version.parse("9.1.4")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("7.4-17", (7, 4, 17)), ("7.2-11", (7, 2, 11)), ("8.2.5", (8, 2, 5)), ("9.1.0~1", (9, 1, 0)), ("9", (9,))],
)
def test_versions_are_read_in_the_forms_of_every_release(text: str, numbers: tuple[int, ...]) -> None:
    """Up to 7 the patch stands behind a dash, later behind a point."""
    version = Version.parse(text)

    assert version is not None
    assert version.numbers == numbers


def test_what_is_no_version_is_unknown() -> None:
    """Nothing is concluded from a text that begins with no number."""
    assert Version.parse("unknown") is None


@pytest.mark.parametrize(
    ("cpu_type", "there", "fits"),
    [
        ("host", INTEL, True),
        ("host", INTEL_OLD, False),
        ("max", INTEL_OLD, False),
        ("custom-mine", INTEL_OLD, False),
        (None, INTEL_OLD, False),
        ("Skylake-Server", INTEL_OLD, True),
        ("Skylake-Server", AMD, False),
        ("Skylake-Server", "Simulated CPU", True),
        ("x86-64-v2-AES", AMD, True),
        ("kvm64", AMD, True),
        ("host", None, True),
    ],
)
def test_which_processors_a_guest_can_meet(cpu_type: str | None, there: str | None, fits: bool) -> None:  # noqa: FBT001 - a table
    """``host`` needs the same model, a named type the same vendor, a general one nothing; unknown refuses nothing."""
    refusal = unfit(100, cpu_type, Machine("pve2", INTEL, NEW), Machine("pve", there, NEW))

    assert (refusal is None) == fits
    if refusal is not None:
        assert refusal.reason is Reason.TARGET_CPU_DIFFERS
        assert f"pve has {there}, pve2 has {INTEL}" in refusal.message


HASWELL = "fpu pni ssse3 sse4_1 sse4_2 popcnt aes avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"


@pytest.mark.parametrize(
    ("cpu_type", "flags", "lacking"),
    [
        ("x86-64-v3", HASWELL, None),
        ("x86-64-v4", HASWELL, "avx512bw, avx512cd, avx512dq, avx512f, avx512vl"),
        ("x86-64-v3", HASWELL.replace(" avx2", ""), "avx2"),
        ("x86-64-v2-AES", HASWELL.replace(" aes", ""), "aes"),
        ("x86-64-v2", HASWELL.replace(" aes", ""), None),
        ("kvm64", "fpu", None),
        ("x86-64-v4", None, None),
    ],
)
def test_a_level_needs_what_the_target_can_do(cpu_type: str, flags: str | None, lacking: str | None) -> None:
    """QEMU refuses the start where it is missing, after everything else was done; unknown refuses nothing."""
    there = Machine("pve", AMD, NEW, None if flags is None else frozenset(flags.split()))
    refusal = unfit(100, cpu_type, Machine("pve2", None, NEW), there)

    assert (refusal is None) == (lacking is None)
    if refusal is not None:
        assert refusal.reason is Reason.TARGET_CPU_DIFFERS
        assert f"({lacking})" in refusal.message


@pytest.mark.parametrize(("here", "there", "fits"), [(NEW, OLD, False), (OLD, NEW, True), (NEW, None, True)])
def test_never_to_an_older_version(here: Version, there: Version | None, fits: bool) -> None:  # noqa: FBT001 - a table
    """QEMU's state goes forward only; the sentence names both versions."""
    refusal = unfit(100, "kvm64", Machine("pve2", None, here), Machine("pve", None, there))

    assert (refusal is None) == fits
    if refusal is not None:
        assert refusal.reason is Reason.TARGET_OUTDATED
        assert "9.1.4, older than 9.1.9 on pve2" in refusal.message


def test_the_processor_is_asked_for_only_where_it_matters() -> None:
    """A general type spares two calls; a type that could not be read does not."""
    assert not needs_cpu("x86-64-v3")
    assert needs_flags("x86-64-v3")
    assert not needs_flags("kvm64")
    assert needs_cpu("host")
    assert needs_cpu(None)
