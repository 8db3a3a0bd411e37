"""What must survive of each set on its way into the canonical document, point by point."""

import pytest

from tests.translators.x12.conftest import interchange, pieces_of, sets_of
from translators.guide import ReadingRules
from translators.shapes import as_json
from translators.x12.documents import translate

LENIENT = ReadingRules(tolerances=frozenset({"code-values", "element-lengths", "trailer-counts"}))

ORDER = (
    "BEG*00*RO*4500012345*7*20260105*C-2025-7*AC~CUR*BY*USD*1.1*SE*EUR~REF*DP*017~REF*CO*SO-9001*order of the seller~"
    "PER*BD*Alan Buyer*TE*+1 937 555 0100*EM*alan@bigcorp.example~TAX*OH-1*CC*OH~FOB*CC*OR*Toledo*01*FCA~"
    "CSH*SC~SAC*A*C310***1500*3*2.5*****02***Early order~SAC*C*D240***1250***.5*EA*25*50*06~"
    "ITD*01*3*2**10**30~ITD*05*3*****60~DTM*002*20260120*0800*ET~DTM*063*20260131~TD5*1*2*RDWY*M*Roadway~"
    "N9*L1*TERMS~MSG*Deliver early.~MSG*Ring twice.~N1*ST*BigCorp Plant 2*92*BC-002~N2*Dock 4*Gate B~"
    "N3*20 Industrial Way*Hall 3~N4*Dayton*OH*45402*US~REF*4B*D4~PER*RE*Dock Lead*TE*+1 937 555 0111~"
    "N1*BT*BigCorp Accounts*9*0012345670000~"
    "PO1*001*24*EA*12.5*PE*VP*AC-1001*BP*70001*UP*012345678905~CTP**RES*14.95~PID*F*08***Hex bolt, zinc plated~"
    "PO4*24*1*EA*CTN25*G*310*LB*2.5*CF*10*20*30*IN*12~SAC*C*C310***100~"
    "SDQ*EA*92*0001*12*0002*12~DTM*002*20260121~TXI*ST*1.25*8.25~SCH*12*EA*ST*Dock*002*20260121*0700~"
    "N1*Z7*Store 12*92*0012~N4*Troy*OH~SLN*1**I*2*EA*.5***VP*AC-1001-A~PID*F****Washer~"
    "CTT*1*24~AMT*TT*300~"
)

ACKNOWLEDGMENT = (
    "BAK*00*AC*4500012345*20260105*7*RFQ-7*C-2025-7*SO-9001*20260106~"
    "PO1*1*100*CA*3.1**VP*AC-1002~ACK*IQ*60*CA*068*20260120**VP*AC-1002~DTM*017*20260122~ACK*IB*40*CA*068*20260203~"
    "ACK*R2*1*CA~CTT*1~"
)

NOTICE = (
    "BSN*00*ASN-77*20260119*1430*0001~HL*1**S~TD1*CTN25*4****G*310*LB*2.5*CF~TD5**2*RDWY*M~TD3*TL*ABCD*4711******S-1~"
    "REF*BM*BOL-551~REF*CN*PRO-99~DTM*011*20260119~FOB*PP~N1*SF*Acme Supply*92*AC-1~"
    "HL*2*1*O~PRF*4500012345*7**20260105~HL*3*2*T~MAN*GM*00000123456789012345~HL*4*3*P~MAN*GM*00000123456789012352~"
    "HL*5*4*I~LIN*1*VP*AC-1001*BP*70001~SN1*1*24*EA*124*24*EA~PO4*24*1*EA~REF*LT*LOT-7~"
    "HL*6*1*O~PRF*4500012346~HL*7*6*I~LIN**VP*AC-1002~SN1**40*CA~CTT*7~"
)

CHANGE = (
    "BCH*04*SA*4500012345*7*2*20260105*RFQ-7*C-2025-7*SO-9001*20260106*20260110~"
    "POC*001*QD*20*4*EA*12.5*PE*VP*AC-1001~DTM*002*20260126~POC*002*DI*0*0*CA~"
)

CHANGE_ANSWER = (
    "BCA*00*AC*4500012345*7*2*20260105*RFQ-7*C-2025-7*SO-9001*20260111*20260110~"
    "POC*001*QD*20*4*EA*12.5*PE*VP*AC-1001~ACK*IQ*12*EA*068*20260126~ACK*IB*8*EA~POC*002*RC*100*100*CA~"
)


def document(kind, group, body):
    (piece,) = sets_of(pieces_of(interchange(body, kind=kind, group=group), LENIENT))
    return as_json(translate(kind, piece.tree).document)


def at(shown, path):
    for step in path.split("."):
        shown = shown[int(step)] if step.isdigit() else shown[step]
    return shown


def cases(name, kind, group, body, expected):
    return [pytest.param(kind, group, body, path, value, id=f"{name}:{path}") for path, value in expected.items()]


CASES = [
    *cases(
        "order",
        "850",
        "PO",
        ORDER,
        {
            "purpose": "original",
            "order_type_code": "RO",
            "number": "4500012345",
            "release_number": "7",
            "contract": "C-2025-7",
            "acknowledgment_type": "AC",
            "currency": "USD",
            "exchange_rate": "1.1",
            "target_currency": "EUR",
            "references.1.value": "SO-9001",
            "references.1.description": "order of the seller",
            "contacts.0.communications.1.number": "alan@bigcorp.example",
            "taxes.0.tax_id": "OH-1",
            "delivery_terms.0.terms": "FCA",
            "sales_requirements.0.code": "SC",
            "allowances_charges.0.amount": "15.00",
            "allowances_charges.0.percent": "2.5",
            "allowances_charges.0.is_charge": False,
            "allowances_charges.1.rate": "0.5",
            "allowances_charges.1.handling": "06",
            "allowances_charges.1.quantity_to": "50",
            "payment_terms.0.discount_days": "10",
            "payment_terms.1.net_days": "60",
            "dates.0.time_zone": "ET",
            "dates.1.date": "2026-01-31",
            "routing.0.carrier.id": "RDWY",
            "routing.0.description": "Roadway",
            "notes.0.text": "Deliver early.\nRing twice.",
            "parties.0.additional_names": ["Dock 4", "Gate B"],
            "parties.0.address.lines": ["20 Industrial Way", "Hall 3"],
            "parties.0.address.postal_code": "45402",
            "parties.0.references.0.value": "D4",
            "parties.0.contacts.0.name": "Dock Lead",
            "parties.1.identifiers.0.qualifier": "9",
            "lines.0.line_id": "001",
            "lines.0.quantity": "24",
            "lines.0.unit_price": "12.5",
            "lines.0.price_basis": "PE",
            "lines.0.product_ids.2.id": "012345678905",
            "lines.0.prices.0.kind": "RES",
            "lines.0.descriptions.0.text": "Hex bolt, zinc plated",
            "lines.0.packs.0.gross_weight.unit": "LBR",
            "lines.0.packs.0.inner_pack": "12",
            "lines.0.allowances_charges.0.amount": "1.00",
            "lines.0.taxes.0.percent": "8.25",
            "lines.0.schedules.0.dates.0.time": "07:00:00",
            "lines.0.schedules.0.role": "ship_to",
            "lines.0.splits.1.location": "0002",
            "lines.0.parties.0.address.city": "Troy",
            "lines.0.sublines.0.product_ids.0.id": "AC-1001-A",
            "lines.0.sublines.0.descriptions.0.text": "Washer",
            "totals.hash_total": "24",
            "totals.amounts.0.amount": "300",
        },
    ),
    *cases(
        "acknowledgment",
        "855",
        "PR",
        ACKNOWLEDGMENT,
        {
            "status": "accepted_with_changes",
            "status_code": "AC",
            "number": "SO-9001",
            "request_reference": "RFQ-7",
            "lines.0.acknowledgments.0.quantity": "60",
            "lines.0.acknowledgments.0.dates.1.date": "2026-01-22",
            "lines.0.acknowledgments.1.status": "backordered",
            "lines.0.acknowledgments.2.code": "R2",
        },
    ),
    *cases(
        "notice",
        "856",
        "SH",
        NOTICE,
        {
            "structure_code": "0001",
            "levels.0.packages.0.weight.value": "310",
            "levels.0.routing.0.mode": "M",
            "levels.0.equipment.0.seal_number": "S-1",
            "levels.0.references.0.qualifier": "BM",
            "levels.0.references.1.qualifier": "CN",
            "levels.0.children.0.order.release_number": "7",
            "levels.0.children.0.children.0.marks.0.sscc": "000123456789012345",
            "purchase_order_numbers": ["4500012345", "4500012346"],
            "lines.0.packages.0.sscc": "000123456789012352",
            "lines.0.packages.1.kind": "tare",
            "lines.0.quantity_shipped_to_date": "124",
            "lines.0.quantity_ordered.value": "24",
            "lines.0.references.0.value": "LOT-7",
            "lines.1.purchase_order_number": "4500012346",
        },
    ),
    *cases(
        "change",
        "860",
        "PC",
        CHANGE,
        {
            "purchase_order_number": "4500012345",
            "sequence": "2",
            "issued_on": "2026-01-10",
            "acknowledged_on": "2026-01-06",
            "seller_order_number": "SO-9001",
            "lines.0.line_id": "001",
            "lines.0.change": "quantity_reduced",
            "lines.0.change_code": "QD",
            "lines.0.quantity": "20",
            "lines.0.quantity_left": "4",
            "lines.1.change_code": "DI",
            "lines.1.unit": "XCS",
        },
    ),
    *cases(
        "change answer",
        "865",
        "CA",
        CHANGE_ANSWER,
        {
            "number": "SO-9001",
            "status_code": "AC",
            "issued_on": "2026-01-11",
            "change_date": "2026-01-10",
            "lines.0.acknowledgments.1.status": "backordered",
            "lines.0.quantity_left": "4",
            "lines.1.acknowledgments.0.status": "rejected",
            "lines.1.acknowledgments.0.derived": True,
        },
    ),
]


@pytest.mark.parametrize(("kind", "group", "body", "path", "value"), CASES)
def test_survives(kind, group, body, path, value):
    shown = document(kind, group, body)
    assert at(shown, path) == value
    assert "unmapped" not in shown


TREES = {
    "S-O-P-I": "HL*1**S~HL*2*1*O~PRF*PO1~HL*3*2*P~HL*4*3*I~SN1**1*EA~",
    "S-O-I": "HL*1**S~HL*2*1*O~PRF*PO1~HL*3*2*I~SN1**1*EA~",
    "S-T-I-P": "HL*1**S~PRF*PO1~HL*2*1*T~HL*3*2*I~SN1**1*EA~HL*4*3*P~MAN*CP*1Z99~",
    "S-O-T-P-I": "HL*1**S~HL*2*1*O~PRF*PO1~HL*3*2*T~HL*4*3*P~HL*5*4*I~SN1**1*EA~",
    "S-O-P": "HL*1**S~HL*2*1*O~PRF*PO1~HL*3*2*P~LIN**VP*AC-1001~SN1**1*EA~MAN*GM*00000123456789012345~",
    "S-O-I-F": "HL*1**S~HL*2*1*O~PRF*PO1~HL*3*2*I~LIN**VP*KIT~SN1**1*EA~HL*4*3*F~LIN**VP*PART~SN1**2*EA~",
    "flat": "HL*1**I~PRF*PO1~SN1**1*EA~",
    "items without a parent": "HL*1**S~PRF*PO1~HL*2*7*I~SN1**1*EA~",
    "ids that are no ordinals": "HL*10**S~HL*30*10*O~PRF*PO1~HL*20*30*I~SN1**1*EA~",
}


@pytest.mark.parametrize("shape", TREES)
def test_an_item_is_found_in_every_tree(shape):
    shown = document("856", "SH", f"BSN*00*ASN-1*20260119*1430~{TREES[shape]}")
    (line,) = shown["lines"]
    assert (line["quantity"], line["unit"]) == ("1", "EA")
    assert shown["purchase_order_numbers"] == ["PO1"]
    if shape != "items without a parent":
        assert line["purchase_order_number"] == "PO1"
