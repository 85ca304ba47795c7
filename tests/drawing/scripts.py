"""What certificates say in each script of the golden pictures; `python -m tests.drawing.scripts` draws them anew.

Look at a picture before it is committed: conjuncts, vowel signs before their consonants, and joined letters are right
or wrong to a reader's eye only.
"""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from lernbatch.drawing import picture, qr
from lernbatch.drawing.design import default_design
from lernbatch.drawing.typesetting import FontSet

FOLDER = Path(__file__).parent / "golden"
# script → title, name, course
SAMPLES = {
    "latin": ("Certificate of Merit", "Āśā Kumārī D’Souza", "Teaching Mathematics – Level 2"),
    "devanagari": ("योग्यता प्रमाणपत्र", "श्रीमती आशा क्षत्रिय द्विवेदी", "प्राथमिक गणित शिक्षण – भाग २"),
    "tamil": ("தகுதிச் சான்றிதழ்", "காவ்யா ஸ்ரீநிவாசன் கௌரி", "தொடக்கநிலைக் கணிதம் கற்பித்தல்"),
    "telugu": ("యోగ్యతా ధ్రువపత్రం", "శ్రీనివాస లక్ష్మీ కృష్ణ", "ప్రాథమిక గణిత బోధన"),
    "kannada": ("ಅರ್ಹತಾ ಪ್ರಮಾಣಪತ್ರ", "ಶ್ರೀನಿವಾಸ ಕೃಷ್ಣಮೂರ್ತಿ ಜ್ಞಾನೇಶ್ವರಿ", "ಪ್ರಾಥಮಿಕ ಗಣಿತ ಬೋಧನೆ"),
    "bengali": ("যোগ্যতার শংসাপত্র", "শ্রীমতী ঊর্মিলা চক্রবর্তী", "প্রাথমিক গণিত শিক্ষাদান – পর্ব ২"),
    "gujarati": ("યોગ્યતા પ્રમાણપત્ર", "શ્રી ક્ષમા જ્ઞાનેશ્વર ત્રિવેદી", "પ્રાથમિક ગણિત શિક્ષણ"),
    "malayalam": ("യോഗ്യതാ സാക്ഷ്യപത്രം", "ശ്രീലക്ഷ്മി കൃഷ്ണൻ നമ്പ്യാർ", "പ്രാഥമിക ഗണിതാധ്യാപനം"),
    "urdu": ("سندِ قابلیت", "عائشہ بنتِ محمد یونس", "ابتدائی ریاضی کی تدریس – حصہ 2"),
}


def values(script: str) -> dict[str, object]:
    title, name, course = SAMPLES[script]
    return {
        "certificateName": title,
        "recipientName": name,
        "courseName": course,
        "issuer": {"name": "State Board of Education"},
        "issuanceDate": "2026-06-30T20:00:00Z",
        "signatory0Name": "R. Meera Nair",
        "signatory0Designation": "Director",
        "signatory0Centre": 561.5,
        "signatory1Centre": -5000,
        "signatory2Centre": -5000,
        "qrCode": qr.qr_png("https://lern.example/certs/351cf1ef-5c07-5b7f-a881-0e71c2e92bf1?t=URL"),
        "verificationUrl": "https://lern.example/certs/351cf1ef-5c07-5b7f-a881-0e71c2e92bf1",
    }


def draw(script: str) -> bytes:
    return picture.draw(default_design(), values(script), ZoneInfo("Asia/Kolkata"), FontSet())


def main() -> None:
    for script in SAMPLES:
        (FOLDER / f"{script}.png").write_bytes(picture.png(draw(script), 54))


if __name__ == "__main__":
    main()
