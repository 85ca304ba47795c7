"""Makes up any number of plausible people, always the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from uuid import UUID

from sandbox.csv_files import PersonRow

ORGANISATIONS = ("org-lotus", "org-banyan")
_CLUSTERS_PER_BLOCK = 5

# First names, last names: by script, with its share.
_NAMES: tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        60,
        (
            *(
                "Aarav",
                "Aditi",
                "Anil",
                "Ananya",
                "Bhavna",
                "Chitra",
                "Deepak",
                "Esther",
                "Fatima",
                "Gopal",
                "Harpreet",
            ),
            *("Ishaan", "Jyoti", "Kavya", "Lalit", "Mohan", "Nandini", "Omkar", "Pooja", "Rahul", "Sunita", "Tanvi"),
            *("Uday", "Vidya", "Waseem", "Yamini", "Zoya"),
        ),
        (
            *("Agarwal", "Bose", "Chauhan", "Das", "D'Souza", "Fernandes", "Ghosh", "Hegde", "Iyer", "Joshi", "Kaur"),
            *("Lal", "Menon", "Nair", "Oraon", "Patil", "Qureshi", "Rao", "Sharma", "Thakur", "Varma", "Yadav", ""),
        ),
    ),
    (16, ("आरती", "कमला", "गौरव", "दिनेश", "नेहा", "पूजा", "राजेश", "सीमा"), ("शर्मा", "यादव", "वर्मा", "पटेल", "मिश्रा")),
    (8, ("கவிதா", "முருகன்", "லட்சுமி", "செந்தில்", "மீனா"), ("ராஜன்", "குமார்", "செல்வம்", "")),
    (5, ("సీత", "రాము", "లక్ష్మి", "వెంకట్"), ("రెడ్డి", "రావు", "నాయుడు")),
    (4, ("অনিতা", "সুমন", "রিতা", "দীপক"), ("সেন", "দাস", "রায়")),
    (4, ("ಸುಮಾ", "ಮಂಜು", "ರವಿ"), ("ಗೌಡ", "ಶೆಟ್ಟಿ")),
    (3, ("عائشہ", "عمران", "صبا"), ("خان", "انصاری")),
)

_PLACES: dict[str, dict[str, tuple[str, ...]]] = {
    "Assam": {"Kamrup": ("Hajo", "Rangia"), "Jorhat": ("Titabor", "Majuli")},
    "Bihar": {"Gaya": ("Bodh Gaya", "Tekari"), "Patna": ("Danapur", "Phulwari")},
    "Karnataka": {"Mysuru": ("Hunsur", "Nanjangud"), "Dharwad": ("Kalghatgi", "Navalgund")},
    "Kerala": {"Ernakulam": ("Aluva", "Paravur"), "Wayanad": ("Kalpetta", "Mananthavady")},
    "Maharashtra": {"Pune": ("Haveli", "Mulshi"), "Nagpur": ("Katol", "Umred")},
    "Odisha": {"Puri": ("Konark", "Pipili"), "Ganjam": ("Chhatrapur", "Hinjili")},
    "Rajasthan": {"Jaipur": ("Sanganer", "Amber"), "Barmer": ("Baytu", "Sheo")},
    "Tamil Nadu": {"Madurai": ("Melur", "Vadipatti"), "Nilgiris": ("Coonoor", "Gudalur")},
}


def generate_people(count: int, seed: int = 1, organisations: Sequence[str] = ORGANISATIONS) -> Iterator[PersonRow]:
    """`count` people in `organisations`: mostly students, some teachers; a few lack what real records lack, too."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose, nothing secret
    for number in range(1, count + 1):
        yield _person(chance, seed, number, organisations)


def _person(chance: random.Random, seed: int, number: int, organisations: Sequence[str]) -> PersonRow:
    _, first_names, last_names = chance.choices(_NAMES, [share for share, *_ in _NAMES])[0]
    state = chance.choice(tuple(_PLACES))
    district = chance.choice(tuple(_PLACES[state]))
    block = chance.choice(_PLACES[state][district])
    cluster = f"{block} {chance.randint(1, _CLUSTERS_PER_BLOCK)}"
    teaches = chance.random() < 0.15
    in_school = chance.random() < 0.9
    reachable = chance.random() < 0.8
    return PersonRow(
        user_id=str(UUID(int=chance.getrandbits(128), version=4)),
        first_name=chance.choice(first_names),
        last_name=chance.choice(last_names),
        org_id=chance.choice(organisations),
        roles="PUBLIC",
        state=state,
        district=district,
        block=block,
        cluster=cluster,
        school_name=f"Government School {cluster}" if in_school else "",
        school_id=f"{chance.randint(10**10, 10**11 - 1)}" if in_school else "",
        board=f"State ({state})",
        user_type="teacher" if teaches else "student",
        user_sub_type="hm" if teaches and chance.random() < 0.1 else "",
        email=f"learner.{seed}.{number}@example.org" if reachable else "",
        phone=f"9{number % 10**9:09d}" if reachable else "",
    )
