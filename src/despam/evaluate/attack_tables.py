"""What the attacks write: look-alikes, leet, invisible characters, synonyms, emoji.

These tables are for measuring only. Training augments with tables of its own, so that a model is never measured on
the very substitutions it was shown; a test holds that nothing in `train` imports this file.
"""

from __future__ import annotations

# Latin letter -> letters of other scripts that look like it (Cyrillic, Greek, Armenian, Cherokee, Lisu)
LOOK_ALIKES = {
    "a": "аɑα", "b": "ЬƄ", "c": "сϲᴄ", "d": "ԁժ", "e": "еҽє", "g": "ɡց", "h": "һհ", "i": "іıɩ", "j": "јϳ", "k": "κк",
    "l": "ӏⅼ", "m": "мⅿ", "n": "ոп", "o": "оοօ", "p": "рρ", "q": "ԛգ", "r": "гꭇ", "s": "ѕꜱ", "t": "тτ", "u": "υսᴜ",
    "v": "νѵ", "w": "ԝաѡ", "x": "хⅹ", "y": "уүγ", "z": "ᴢʐ",
    "A": "АΑᎪ", "B": "ВΒ", "C": "СϹᏟ", "D": "Ꭰꓓ", "E": "ЕΕ", "F": "Ϝꓝ", "G": "Ԍꓖ", "H": "НΗ", "I": "ІΙ", "J": "ЈͿ",
    "K": "КΚ", "L": "Ꮮꓡ", "M": "МΜ", "N": "Νꓠ", "O": "ОΟ", "P": "РΡ", "S": "ЅՏ", "T": "ТΤ", "U": "Սꓴ", "V": "Ѵꓦ",
    "W": "Ԝꓪ", "X": "ХΧ", "Y": "ΥҮ", "Z": "ΖᏃ",
}  # fmt: skip

LEET = {"a": "4@", "b": "8", "e": "3", "g": "9", "i": "1!", "l": "1|", "o": "0", "s": "5$", "t": "7+", "z": "2"}

INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u180e"  # zero-width space, non-joiner, joiner, word joiner, BOM, Mongolian
SOFT_HYPHEN = "\u00ad"

EMOJI = ("🎁", "🔥", "✅", "💰", "🚀", "👉", "⭐", "🎉", "💥", "📢", "⚡", "🙌", "😍", "🏆", "👀", "💎")  # fmt: skip

# words that a filter hardly knows, for comments inside words and hidden text
FILLERS = (
    "garden", "meadow", "lantern", "teapot", "orchard", "violin", "harbour", "pebble", "willow", "kettle", "saddle",
    "thimble", "cottage", "feather", "compass", "mitten", "turnip", "ladder", "beacon", "marble",
)  # fmt: skip

# what a spammer writes instead of the words that filters know
SYNONYMS = {
    "account": "membership", "act": "respond", "amazing": "remarkable", "apply": "enrol", "award": "honour",
    "awarded": "granted", "bank": "lender", "bonus": "extra", "buy": "order", "call": "phone", "cash": "funds",
    "cheap": "low-cost", "chance": "opening", "claim": "collect", "click": "tap", "collect": "pick up",
    "confirm": "check", "congratulations": "well done", "contact": "reach", "cost": "charge", "credit": "lending",
    "customer": "client", "deal": "bargain", "delivery": "dispatch", "discount": "reduction", "double": "twofold",
    "draw": "raffle", "earn": "gain", "exclusive": "private", "expires": "ends", "free": "at no charge",
    "gift": "present", "guaranteed": "certain", "hot": "fiery", "income": "earnings", "instant": "immediate",
    "investment": "placement", "join": "come to", "limited": "restricted", "loan": "advance", "lottery": "sweepstake",
    "lucky": "fortunate", "medication": "remedy", "message": "note", "mobile": "handset", "money": "means",
    "new": "recent", "now": "at this point", "offer": "proposal", "online": "on the web", "order": "request",
    "password": "pass phrase", "pay": "settle", "phone": "handset", "pills": "tablets", "please": "kindly",
    "pounds": "sterling", "price": "charge", "prize": "reward", "product": "item", "profit": "gain",
    "promotion": "campaign", "receive": "be given", "reply": "answer", "reward": "recompense", "ringtone": "call tune",
    "sale": "clearance", "save": "keep", "secure": "safe", "security": "safety", "selected": "picked", "send": "mail",
    "service": "provision", "sex": "intimacy", "sexy": "alluring", "sms": "note", "special": "particular",
    "stop": "halt", "subscribe": "sign up", "text": "write", "today": "this day", "tone": "tune", "urgent": "pressing",
    "update": "renew", "verify": "validate", "video": "clip", "viagra": "blue tablet", "visit": "come and see",
    "weekly": "each week", "win": "gain", "winner": "lucky one", "won": "gained", "www": "web", "youtube": "the tube",
    "channel": "station", "check": "look at", "subscribers": "followers", "rates": "tariffs", "guarantee": "assurance",
}  # fmt: skip
