"""A trading partner as one frozen value: who they are, how they reach us, what they send and how it is read.

Secrets never stand in a profile: API keys lie here as SHA-256 digests, certificates as files beside it, our private
keys in the key ring. What a key means is said once, in the docstring below it, which also goes into the JSON Schema.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field

from partners.api_terms import Api, ApiKey
from partners.as2_terms import As2
from partners.business_terms import BusinessTolerances
from partners.delivery_terms import DeliverySchedule, WayOut
from partners.fields import (
    Boolean,
    GroupCode,
    GroupId,
    InterchangeId,
    InterchangeQualifier,
    Name,
    OneOrMany,
    Release,
    Slug,
    number,
)
from partners.parts import Contradiction, Part, laid_over, repeated
from partners.people_terms import Person
from partners.problems import Location
from partners.rules import Rule, rule_contradictions
from partners.sftp_server_terms import SftpServer
from partners.sftp_terms import Sftp
from partners.throttling_terms import Throttling
from partners.vocabulary_terms import Vocabulary
from partners.webhook_terms import Webhooks
from partners.x12_terms import (
    Acknowledgment,
    ControlNumbers,
    DocumentAcknowledgment,
    Duplicates,
    Framing,
    OnBadSet,
    Processing,
    Validation,
    misplaced,
)

# The departures from the standard that may be tolerated, by the names that the translators know them by.
Tolerance = Literal[
    "isa-padding",
    "leading-bytes",
    "trailing-garbage",
    "missing-trailer",
    "trailer-counts",
    "trailer-numbers",
    "empty-segments",
    "trailing-separators",
    "separators-in-data",
    "segment-order",
    "unknown-segments",
    "group-kind",
    "code-values",
    "element-lengths",
    "newer-release",
    "control-totals",
    "hierarchy",
    "element-types",
    "explicit-decimals",
]
DocumentType = Literal[
    "purchase_order",
    "purchase_order_acknowledgment",
    "ship_notice",
    "purchase_order_change",
    "purchase_order_change_acknowledgment",
    "invoice",
    "receipt",
    "application_advice",
    "remittance_advice",
    "planning_schedule",
    "shipping_schedule",
    "inventory_advice",
    "order_status",
]
Direction = Literal["inbound", "outbound"]
Syntax = Literal["x12", "json", "xml"]


class InterchangeAddress(Part):
    """A pair of ISA qualifier and id."""

    qualifier: InterchangeQualifier
    """ISA05 when they send, ISA07 when we do: ZZ mutually defined, 01 DUNS, 12 phone, 14 DUNS+4, ..."""
    id: InterchangeId
    """ISA06 when they send, ISA08 when we do, without padding."""


class X12Address(InterchangeAddress):
    """How a partner is addressed in X12 envelopes."""

    use: Literal["both", "inbound", "outbound"] = "both"
    """inbound: only they send under it; outbound: only we send to it."""
    group_id: GroupId | None = None
    """GS02 when they send, GS03 when we do; the interchange id by default."""


class Limits(Part):
    """Limits of this partner; none can lift a limit of the gateway itself, which holds where none is set here."""

    body_bytes_max: Annotated[int, *number(1_024, 1_073_741_824)] | None = None
    """Largest body of one request or message, in bytes."""
    decompressed_bytes_max: Annotated[int, *number(1_024, 4_294_967_296)] | None = None
    """Largest size of a compressed message once it is unpacked, in bytes."""
    requests_per_second_max: Annotated[int, *number(1, 100_000)] | None = None
    """Requests a second, on average, before the partner is asked to wait."""


class Agreement(Part):
    """One kind of document that we exchange, and how it is written."""

    document: DocumentType
    """The business document."""
    direction: Direction
    """inbound: they send it; outbound: we do."""
    syntax: Syntax
    """x12, json (the canonical document) or xml (the same as canonical XML)."""
    releases: Annotated[tuple[Release, ...], OneOrMany()] = Field(default=(), max_length=16)
    """X12 releases as in GS08; inbound without any: all that can be read; outbound: the one we write."""
    group_code: GroupCode | None = None
    """GS01 of the groups of this document, where an industry has another than the standard's, such as SC of aerospace
    guides for every document; the 997 names it, too."""
    tolerances: tuple[Tolerance, ...] = ()
    """Departures from the standard that this document may show, beside those of the whole partner."""
    rules: tuple[Rule, ...] = Field(default=(), max_length=1_000)
    """What this document must and may hold beyond the X12 standard: segments, loops, elements, codes, lengths."""
    our_identity: Slug | None = None
    """Which of our identities it is addressed to or comes from, by its name in gateway.yaml; any when absent."""
    on_bad_set: OnBadSet | None = None
    """What a bad set of this document takes with it, where that differs from `processing.on_bad_set`."""
    in_use: Boolean = True
    """false: nothing of this is exchanged, as though it were not written; takes away what a template agrees."""
    validation: Validation | None = None
    """How strictly this document is judged, where that differs from `validation` of the whole partner."""
    framing: Framing | None = None
    """How this document is laid out when we send it, where that differs from `framing` of the whole partner."""
    acknowledgment: DocumentAcknowledgment | None = None
    """What groups of this document earn, where that differs from `acknowledgment` of the whole partner."""
    vocabulary: Vocabulary | None = None
    """Words of theirs in this document; what it does not say is looked up in that of the whole partner."""
    business_tolerances: BusinessTolerances | None = None
    """Deviations of this document that need nobody's attention, where they differ from those of the whole partner."""


Status = Literal["draft", "testing", "live", "suspended"]


class Profile(Part):
    """A trading partner, or a connection (a VAN or 3PL) that speaks for several."""

    id: Slug
    """Short name of the partner, the name of its folder."""
    name: Name
    """Name for people."""
    extends: Slug | None = None
    """The template that this profile builds on: one of ours (`gateway partner new --help` names them), or a folder
    below `_templates` beside the partners' folders. What is not said here comes from there."""
    status: Status = "live"
    """draft: being written, may be incomplete, nothing is exchanged; testing: exchanged, but marked as a test both
    ways; live: for real; suspended: what they send is kept and waits, and so does what goes to them."""
    contacts: tuple[Person, ...] = Field(default=(), max_length=32)
    """Whom one asks there."""
    as2: As2 | None = None
    """AS2 with the partner (RFC 4130)."""
    api_keys: tuple[ApiKey, ...] = Field(default=(), max_length=32)
    """Keys for the REST interface."""
    api: Api = Api()
    """The REST interface beyond keys: tokens, certificates, signed requests, and what every call must show."""
    webhooks: Webhooks | None = None
    """Where and how they are told of events; not at all when absent."""
    sftp: Sftp | None = None
    """Their mailbox at our SFTP server."""
    sftp_server: SftpServer | None = None
    """Their own SFTP server, where we fetch what they have for us and put what we have for them."""
    sandbox: Boolean = False
    """true: the sandbox plays this partner: nothing leaves the house, and magic words in order numbers decide what is
    answered; never while live (write it below `testing:`), and with `sandbox: true` in gateway.yaml."""
    x12: Annotated[tuple[X12Address, ...], OneOrMany()] = Field(default=(), max_length=64)
    """Their X12 addresses; what they send must carry one of them."""
    via: Slug | None = None
    """The connection (id of another profile) that carries their traffic; it must list their addresses in speaks_for."""
    speaks_for: Annotated[tuple[InterchangeAddress, ...], OneOrMany()] = Field(default=(), max_length=1_024)
    """For a connection: the X12 addresses of the partners whose traffic it carries."""
    encoding: Literal["latin-1", "utf-8"] = "latin-1"
    """Character encoding of their X12."""
    tolerances: tuple[Tolerance, ...] = ()
    """Departures from the standard that all their documents may show; strict when empty."""
    validation: Validation = Validation()
    """How strictly their X12 is judged."""
    duplicates: Duplicates = Duplicates()
    """What a repeated control number earns."""
    acknowledgment: Acknowledgment = Acknowledgment()
    """The acknowledgments that their X12 earns, and those that we expect."""
    control_numbers: ControlNumbers = ControlNumbers()
    """The control numbers of what we send to them."""
    framing: Framing = Framing()
    """How the X12 that we send to them is laid out."""
    processing: Processing = Processing()
    """What becomes of bad transaction sets, and what is not to be seen."""
    delivery: DeliverySchedule = DeliverySchedule()
    """When what we send to them is tried again, and when a person is asked."""
    vocabulary: Vocabulary = Vocabulary()
    """Words of theirs (identifiers, units, qualifiers) that are put in ours, and ours in theirs."""
    business_tolerances: BusinessTolerances = BusinessTolerances()
    """Deviations from what was ordered that need nobody's attention."""
    required_samples: tuple[Slug, ...] | None = Field(default=None, max_length=256)
    """The samples that must pass in `gateway partner test --live` before `gateway partner go-live`; all when absent."""
    throttling: Throttling = Throttling()
    """How much they may ask of us before they are asked to wait."""
    limits: Limits = Limits()
    """Limits of this partner, each with its unit in its name."""
    agreements: tuple[Agreement, ...] = Field(default=(), max_length=256)
    """What we exchange; a document without an agreement is rejected. Those of a connection are for its own addresses:
    each of the partners that it carries has its own."""

    @property
    def has_api(self) -> bool:
        """Whether they can call the REST interface."""
        return bool(self.api_keys) or self.api.opens

    @property
    def way_out(self) -> WayOut | None:
        """How what we have for them reaches them; None where nothing says how. A connection (`via`) has its own."""
        if self.delivery.way is not None:
            return self.delivery.way
        if self.as2 is not None and self.as2.url is not None:
            return "as2"
        if self.sftp_server is not None and self.sftp_server.push is not None:
            return "sftp"
        if self.has_api:
            return "inbox"
        return "mailbox" if self.sftp is not None else None

    @property
    def is_active(self) -> bool:
        """Whether they may send and be sent to."""
        return self.status in {"testing", "live"}

    @property
    def is_test(self) -> bool:
        """Whether everything exchanged with them is a test."""
        return self.status in {"draft", "testing"}

    def table_files(self) -> frozenset[str]:
        """The files beside the profile that are tables."""
        of = (self.vocabulary, *(item.vocabulary for item in self.agreements))
        return frozenset(file for vocabulary in of if vocabulary is not None for file in vocabulary.files())

    def files(self) -> tuple[str, ...]:
        """The files beside the profile that it names, sorted."""
        named = set(self.table_files())
        for part in (self.as2, self.sftp, self.api, self.webhooks):
            named.update(part.files() if part is not None else ())
        return tuple(sorted(named))

    def contradictions(self) -> Iterator[Contradiction]:
        """Fields that are each fine and together are not."""
        if self.sandbox and self.status == "live":
            right = "write it below `testing:`, or set `status: testing`"
            yield ("sandbox",), "the sandbox would swallow real orders", right
        transports = (self.as2, self.sftp, self.sftp_server, self.via)
        has_door = self.has_api or any(transport is not None for transport in transports)
        if self.is_active and not has_door and not self.sandbox:
            right = "add `as2:`, `api_keys:`, `sftp:`, `sftp_server:` or `via:`, or set `status: draft`"
            yield ("status",), "an active partner without a way in", right
        if self.via is not None and self.via == self.id:
            yield ("via",), "a partner cannot be its own connection", "name the profile of the VAN or 3PL"
        if self.via is not None and self.speaks_for:
            yield ("speaks_for",), "a connection that comes by another connection", "remove `via` or `speaks_for`"
        if self.via is not None and not self.x12:
            right = "add `x12:` with the address that they use there"
            yield ("via",), "a connection is named, but no X12 address that would tell this partner apart", right
        for name, of in (
            ("as2", self.as2),
            ("sftp", self.sftp),
            ("sftp_server", self.sftp_server),
            ("api", self.api),
            ("webhooks", self.webhooks),
            ("delivery", self.delivery),
            ("vocabulary", self.vocabulary),
        ):
            for part, what, right in of.contradictions() if of is not None else ():
                yield (name, *part), what, right
        yield from self._agreement_contradictions()
        yield from self.control_numbers.contradictions()
        yield from repeated(("api_keys",), [key.label for key in self.api_keys], "label")
        yield from repeated(("api_keys",), [key.sha256 for key in self.api_keys], "sha256")
        if "api_key" in self.api.require and not self.api_keys:
            right = "add `api_keys`, or take it out of `require`"
            yield ("api", "require"), "an API key is required, and there is none", right
        for index, key in enumerate(self.api_keys):
            for part, what, right in key.window_contradictions():
                yield ("api_keys", index, *part), what, right
        yield from self._delivery_contradictions()
        yield from repeated(("x12",), [(item.qualifier, item.id) for item in self.x12], "")
        for part, what, right in self.framing.contradictions():
            yield ("framing", *part), what, right
        yield from repeated(("speaks_for",), [(item.qualifier, item.id) for item in self.speaks_for], "")

    def _delivery_contradictions(self) -> Iterator[Contradiction]:
        way, named = self.delivery.way, self.delivery.webhook
        hooks = {item.name for item in self.webhooks.subscriptions} if self.webhooks is not None else set()
        if way == "as2" and (self.as2 is None or self.as2.url is None):
            yield ("delivery", "way"), "nothing says where their AS2 server is", "add `as2: {url: ..}`, or write inbox"
        if way == "inbox" and not self.has_api:
            right = "add `api_keys:` or `api:`, or another way"
            yield ("delivery", "way"), "they fetch from the inbox by the API, which they cannot call", right
        if way == "mailbox" and self.sftp is None:
            yield ("delivery", "way"), "they have no mailbox", "add `sftp: {user: .., keys: ..}`, or another way"
        if way == "sftp" and (self.sftp_server is None or self.sftp_server.push is None):
            right = "add `sftp_server: {push: {folder: ..}}`, or another way"
            yield ("delivery", "way"), "nothing says where on their server files are put", right
        if way == "webhook" and named not in hooks:
            right = "name one of `webhooks.subscriptions` in `delivery.webhook`"
            yield ("delivery", "webhook"), "documents are to go to a webhook, and there is none of this name", right

    def _agreement_contradictions(self) -> Iterator[Contradiction]:
        seen: dict[object, int] = {}
        for index, item in enumerate(self.agreements):
            where: Location = ("agreements", index)
            if item.on_bad_set is not None and (item.syntax, item.direction) != ("x12", "inbound"):
                right = "remove `on_bad_set`"
                yield (*where, "on_bad_set"), "it speaks of X12 that comes in, and this is none", right
            for part, what, right in self._x12_contradictions(item):
                yield (*where, *part), what, right
            x12_alone = (name for name in ("releases", "group_code", "tolerances") if getattr(item, name))
            field = next(x12_alone, None) if item.syntax != "x12" else None
            if field is not None:
                yield (*where, field), f"`{field}` belongs to X12, but the syntax is {item.syntax}", f"remove `{field}`"
            if item.syntax == "x12" and not self.x12:
                yield (
                    (*where, "syntax"),
                    "an X12 agreement without an X12 address",
                    "add `x12: {qualifier: .., id: ..}`",
                )
            if item.syntax == "x12" and item.direction == "outbound" and len(item.releases) != 1:
                yield (*where, "releases"), "an outbound X12 agreement names one release", "write `releases: [004010]`"
            for part, what, right in item.vocabulary.contradictions() if item.vocabulary is not None else ():
                yield (*where, "vocabulary", *part), what, right
            for part, what, right in rule_contradictions(item.rules):
                yield (*where, "rules", *part), what, right
            if item.rules and item.syntax != "x12":
                yield (*where, "rules"), f"`rules` belong to X12, but the syntax is {item.syntax}", "remove `rules`"
            same = (item.document, item.direction, item.syntax, item.our_identity, frozenset(item.releases))
            if same in seen:
                right = f"write them as one; the first is agreements[{seen[same]}]"
                yield where, f"a second agreement on the {item.direction} {item.document} in {item.syntax}", right
            seen.setdefault(same, index)

    def _x12_contradictions(self, agreement: Agreement) -> Iterator[Contradiction]:
        kind = (agreement.syntax, agreement.direction)
        yield from misplaced(kind, agreement.validation, agreement.framing, agreement.acknowledgment)
        if agreement.framing is not None:
            for part, what, right in laid_over(self.framing, agreement.framing).contradictions():
                yield ("framing", *part), what, right


def fields_at(location: Location) -> dict[str, str]:
    """The fields (with their description) of the part of a profile that a path leads to; empty for a plain value."""
    model: type[BaseModel] | None = Profile
    for part in location:
        if isinstance(part, str) and model is not None:
            held = model.model_fields.get(part)
            model = _model_in(held.annotation) if held is not None else None
    return {name: info.description or "" for name, info in model.model_fields.items()} if model is not None else {}


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for model in map(_model_in, get_args(annotation)) if model is not None), None)
