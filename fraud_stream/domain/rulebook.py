"""The rules and lists in force: those of the settings, and over them what has been changed while the stream runs."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b

import msgspec

from fraud_stream.domain.listing import Listed, Lists
from fraud_stream.domain.rules import CompiledRule, Rule, RuleError, RuleSet, compiled_rules
from fraud_stream.domain.said import Word

log = logging.getLogger(__name__)
#: So many rules may be there: each is evaluated on every transaction.
MOST_RULES = 500
#: Bytes of a record.
LARGEST = 1_000_000
#: So much of a key and of a reason is told where a record is refused.
_SHOWN = 500
#: Who has written a rule of the settings.
SETTINGS = "settings"


class RuleVersion(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="rule"):
    """A version of a rule: as it is from some time on; of all that can be used the greatest version counts.

    Attributes:
        kind: ``rule``.
        rule: The rule.
        since: When it was changed so, seconds since 1970; 0 where that is not known.
        by: The user who did; ``settings`` where it is from there.
        reason: Why.
        is_deleted: Whether it was deleted then.
    """

    rule: Rule
    since: float
    by: Word
    reason: Word = ""
    is_deleted: bool = False

    @property
    def key(self) -> str:
        """The key on the topic, with a digest of the value: nothing replaces anything else, so that nothing is lost.

        >>> RuleVersion(Rule("big", "amount > 9", version=3), 0.0, "ana").key
        'rule big 3 94a46823'
        """
        return self.key_of(msgspec.json.encode(self))

    def key_of(self, data: bytes) -> str:
        """The key of this version where it is written as these bytes, as any program may write it."""
        return f"rule {self.rule.id} {self.rule.version} {_digest(data)}"


class _Known:
    """What is known of a rule: its versions, by their numbers, and the newest compiled.

    Of two with one number the first on the topic counts: who made the other is told.
    """

    def __init__(self) -> None:
        self.versions: dict[int, RuleVersion] = {}
        self._keys: dict[str, int] = {}
        self.compiled: CompiledRule | None = None

    @property
    def newest(self) -> RuleVersion:
        return self.versions[max(self.versions)]

    def add(self, key: str, version: RuleVersion, compiled: CompiledRule) -> None:
        number = version.rule.version
        if number in self.versions:
            return
        self.versions[number], self._keys[key] = version, number
        if version is self.newest:
            self.compiled = compiled

    def remove(self, key: str, numbers: Sequence[str]) -> None:
        if key not in self._keys:
            return
        del self.versions[self._keys.pop(key)]
        self.compiled = CompiledRule(self.newest.rule, numbers) if self.versions else None


class Rulebook:
    """The rules and lists in force.

    Args:
        rules: The rules of the settings.
        numbers: The names of the numeric features that exist.
        clock: Tells the time, seconds since 1970, by which entries of lists end.

    Attributes:
        lists: The lists.
        refused: How many records were refused.
        refusals: Why, of the last ones, by their keys.

    Raises:
        RuleError: A rule cannot be used, or two have the same id.
    """

    def __init__(self, rules: Sequence[Rule], numbers: Sequence[str], clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._numbers = tuple(numbers)
        self._of_settings = {one.rule.id: one for one in compiled_rules(rules, numbers)}
        self._changed: dict[str, _Known] = {}
        self._decoder = msgspec.json.Decoder(RuleVersion | Listed)
        self._in_force: RuleSet | None = None
        self._version = ""
        self.lists = Lists()
        self.refused = 0
        self.refusals: dict[str, str] = {}

    @property
    def in_force(self) -> RuleSet:
        """The rules that are not off: made when it is asked for, as many changes may come together."""
        if self._in_force is None:
            self._in_force = RuleSet(self._compiled())
            self._version = _version([one.rule for one in self._in_force.rules])
        return self._in_force

    @property
    def version(self) -> str:
        """A short name of the rules in force; whatever is changed in one, it changes."""
        return self._version if self.in_force else ""

    @property
    def newest(self) -> list[RuleVersion]:
        """Every rule that is there, those that are off too, as it is now: those of the settings first."""
        kept = (self._newest(ident) for ident in self._ids())
        return [one for one in kept if not one.is_deleted]

    @property
    def rules(self) -> list[Rule]:
        """The rules that are there, those that are off too."""
        return [one.rule for one in self.newest]

    def history(self, ident: str) -> list[RuleVersion]:
        """The versions of a rule, the oldest first; none where there never was one."""
        known = self._changed.get(ident)
        changes = sorted(known.versions.items()) if known else []
        of_settings = self._of_settings.get(ident)
        first = [RuleVersion(of_settings.rule, 0.0, SETTINGS)] if of_settings else []
        return [*first, *(version for _, version in changes)]

    def offer(self, key: bytes | None, data: bytes | None) -> None:
        """Take a record of the topic; what cannot be used changes nothing.  A tombstone takes back what it is of."""
        try:
            if data is None:
                self._take_back((key or b"").decode())
            else:
                self._take(key, data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, RuleError) as error:
            self.refused += 1
            self._note_refusal((key or b"").decode(errors="replace"), str(error))

    def changed(self, version: RuleVersion) -> RuleVersion:
        """The change of a rule as it is announced: with the next number.

        Raises:
            RuleError: The workers would refuse it.
        """
        before = self.history(version.rule.id)
        number = before[-1].rule.version + 1 if before else 1
        made = msgspec.structs.replace(version, rule=msgspec.structs.replace(version.rule, version=number))
        try:
            self._read(msgspec.json.encode(made))
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            raise RuleError(f"rule {version.rule.id!r}: {error}") from None
        self._compile(made)
        return made

    def _take(self, key: bytes | None, data: bytes) -> None:
        record = self._read(data)
        right = record.key if isinstance(record, Listed) else record.key_of(data)
        if key != right.encode():
            raise RuleError(f"it belongs under the key {right!r}, or it would replace something else there")
        if isinstance(record, Listed):
            self.lists.take(record, self._clock())
        else:
            compiled = self._compile(record)
            self._changed.setdefault(record.rule.id, _Known()).add(right, record, compiled)
            self._in_force = None

    def _take_back(self, key: str) -> None:
        self.lists.remove(key)
        ident = key.removeprefix("rule ").rsplit(" ", 2)[0] if key.startswith("rule ") else ""
        known = self._changed.get(ident)
        if known is not None:
            known.remove(key, self._numbers)
            if not known.versions:
                del self._changed[ident]
            self._in_force = None

    def _read(self, data: bytes) -> RuleVersion | Listed:
        if len(data) > LARGEST:
            raise RuleError(f"a record of {len(data):,} bytes; at most {LARGEST:,} are read")
        record: RuleVersion | Listed = self._decoder.decode(data)
        return record

    def _compile(self, version: RuleVersion) -> CompiledRule:
        is_new = not version.is_deleted and not self._is_there(version.rule.id)
        if is_new and len(self.newest) >= MOST_RULES:
            raise RuleError(f"there are {MOST_RULES} rules already, and no more can be there; delete one first")
        return CompiledRule(version.rule, self._numbers)

    def _note_refusal(self, key: str, why: str) -> None:
        key, why = key[:_SHOWN], why[:_SHOWN]
        self.refusals[key] = why
        while len(self.refusals) > MOST_RULES:
            del self.refusals[next(iter(self.refusals))]
        log.error("refused a change of rules or lists, they stay as they are: %s: %s", key, why)

    def _ids(self) -> list[str]:
        return [*self._of_settings, *sorted(self._changed.keys() - self._of_settings.keys())]

    def _is_there(self, ident: str) -> bool:
        known = self._changed.get(ident)
        return ident in self._of_settings if known is None else not known.newest.is_deleted

    def _newest(self, ident: str) -> RuleVersion:
        known = self._changed.get(ident)
        return known.newest if known else RuleVersion(self._of_settings[ident].rule, 0.0, SETTINGS)

    def _compiled(self) -> Iterator[CompiledRule]:
        for ident in self._ids():
            known = self._changed.get(ident)
            if known is None:
                yield self._of_settings[ident]
            elif known.compiled is not None and not known.newest.is_deleted:
                yield known.compiled


def _version(rules: Sequence[Rule]) -> str:
    """A short name of a set of rules."""
    text = msgspec.json.encode(sorted(rules, key=lambda rule: rule.id))
    return _digest(text)


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=4).hexdigest()
