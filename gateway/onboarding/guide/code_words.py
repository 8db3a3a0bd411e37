"""What codes mean: the translators' labels, and those of the envelopes, which no translator needs."""

from typing import Final

from translators.codes import labels, unit_labels

_UNIT: Final = "355"
_ENVELOPE: Final = {
    "I01": {"00": "no authorization information"},
    "I03": {"00": "no security information"},
    "I05": {
        "01": "DUNS number",
        "02": "SCAC",
        "04": "IATA",
        "07": "GS1 location number",
        "08": "UCC communications ID",
        "09": "X.121",
        "11": "DRUG enforcement number",
        "12": "telephone number",
        "13": "UCS code",
        "14": "DUNS number with suffix",
        "15": "petroleum accountants' number",
        "16": "DUNS number with four characters",
        "17": "ABA routing number",
        "18": "AAR railway code",
        "19": "EDI Council of Australia number",
        "20": "health industry number",
        "27": "HCFA carrier number",
        "28": "HCFA fiscal intermediary number",
        "29": "HCFA provider number",
        "30": "US federal tax number",
        "31": "IAIABC jurisdiction",
        "32": "US federal employer number",
        "33": "NAIC company code",
        "ZZ": "mutually defined",
    },
    "I13": {"0": "no TA1 asked for", "1": "a TA1 is asked for"},
    "I14": {"P": "production", "T": "test", "I": "information"},
    "143": {
        "810": "invoice",
        "820": "remittance advice",
        "824": "application advice",
        "830": "planning schedule",
        "846": "inventory advice",
        "850": "purchase order",
        "855": "purchase order acknowledgment",
        "856": "ship notice",
        "860": "purchase order change",
        "861": "receiving advice",
        "862": "shipping schedule",
        "865": "purchase order change acknowledgment",
        "870": "order status report",
        "997": "functional acknowledgment",
        "999": "implementation acknowledgment",
    },
    "455": {"X": "Accredited Standards Committee X12", "T": "Transportation Data Coordinating Committee"},
    "479": {
        "AG": "application advice",
        "CA": "purchase order change acknowledgment",
        "FA": "functional acknowledgment",
        "IB": "inventory advice",
        "IN": "invoice",
        "PC": "purchase order change",
        "PO": "purchase order",
        "PR": "purchase order acknowledgment",
        "PS": "planning schedule",
        "RA": "remittance advice",
        "RC": "receiving advice",
        "RS": "order status",
        "SH": "ship notice",
        "SS": "shipping schedule",
    },
}
_FEW: Final = {
    "1073": {"Y": "yes", "N": "no", "U": "unknown", "W": "not applicable"},
    "349": {"F": "free-form", "S": "structured", "X": "semi-structured"},
    "639": {"CA": "catalog price", "CT": "contract", "PE": "price per each", "QE": "quoted price per each"},
    "736": {"0": "no levels below", "1": "levels below"},
}


def code_label(element: str, code: str) -> str:
    """What a code of an element means; empty where nobody wrote it down."""
    if element == _UNIT:
        return unit_labels().get(code, "")
    for known in (_ENVELOPE, _FEW):
        if element in known:
            return known[element].get(code, "")
    return labels(element.zfill(4)).get(code, "")
