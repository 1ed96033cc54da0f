"""The order of Java's hash maps; the expected lists were printed by Java 17."""

from __future__ import annotations

from okapi_install.domain.modules.java_order import JavaMap, capacity, key_order, sized_capacity, spread

EXPECTED_OF_14 = "mod-10 mod-11 mod-12 mod-13 mod-2 mod-1 mod-0 mod-6 mod-5 mod-4 mod-3 mod-9 mod-8 mod-7"


def test_the_hash_of_a_text_is_javas() -> None:
    assert spread("") == 0
    assert spread("a") == 97
    assert spread("mod-users") == 690312792
    assert spread("\U0001d518") == 1772440


def test_a_map_gives_its_keys_in_javas_order_and_keeps_its_size_when_keys_go() -> None:
    modules: JavaMap[int] = JavaMap()
    for number in range(14):
        modules.put(f"mod-{number}", number)
    assert list(modules) == EXPECTED_OF_14.split()
    for number in range(10):
        modules.remove(f"mod-{number}")
    assert list(modules) == [m for m in EXPECTED_OF_14.split() if int(m[4:]) >= 10]
    assert "mod-3" not in modules
    assert len(modules) == 4


def test_keys_of_one_bucket_stay_in_the_order_of_insertion() -> None:
    assert key_order(["Aa", "BB"], 16) == ["Aa", "BB"]
    assert key_order(["BB", "Aa"], 16) == ["BB", "Aa"]


def test_a_map_grows_when_it_is_three_quarters_full() -> None:
    assert [capacity(n) for n in (0, 12, 13, 24, 25)] == [16, 16, 32, 32, 64]
    assert [sized_capacity(n) for n in (0, 1, 2, 3, 4, 5, 5291)] == [1, 2, 4, 4, 8, 8, 8192]
