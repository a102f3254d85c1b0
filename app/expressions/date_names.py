"""Names of months and days, and the usual date formats, of the languages that flows use most.

Source: Unicode CLDR as Java 21 uses it; written here because a full locale library takes time and
memory. `date_locales` knows the others.
"""

from typing import Final, NamedTuple

STYLES: Final = ("full", "long", "medium", "short")


class Language(NamedTuple):
    """The words of one language. Days start on Monday; `styles` are Java patterns."""

    months: tuple[str, ...]
    short_months: tuple[str, ...]
    days: tuple[str, ...]
    short_days: tuple[str, ...]
    styles: tuple[str, str, str, str]
    week_starts_sunday: bool = False


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


HOMES: Final = {
    "en": "US",
    "fr": "FR",
    "de": "DE",
    "es": "ES",
    "it": "IT",
    "pt": "BR",
    "nl": "NL",
}
"""The country whose formats those of a language are."""

BUILT_IN: Final = {
    "en": Language(
        _words(
            "January February March April May June July August September October November December"
        ),
        _words("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"),
        _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
        _words("Mon Tue Wed Thu Fri Sat Sun"),
        (
            # A narrow no-break space stands before AM and PM since CLDR 42 (Java 20).
            "EEEE, MMMM d, y 'at' h:mm:ss\u202fa zzzz",
            "MMMM d, y 'at' h:mm:ss\u202fa z",
            "MMM d, y, h:mm:ss\u202fa",
            "M/d/yy, h:mm\u202fa",
        ),
        week_starts_sunday=True,
    ),
    "fr": Language(
        _words(
            "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
        ),
        _words("janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."),
        _words("lundi mardi mercredi jeudi vendredi samedi dimanche"),
        _words("lun. mar. mer. jeu. ven. sam. dim."),
        (
            "EEEE d MMMM y 'à' HH:mm:ss zzzz",
            "d MMMM y 'à' HH:mm:ss z",
            "d MMM y, HH:mm:ss",
            "dd/MM/y HH:mm",
        ),
    ),
    "de": Language(
        _words(
            "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
        ),
        _words("Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez."),
        _words("Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag"),
        _words("Mo. Di. Mi. Do. Fr. Sa. So."),
        (
            "EEEE, d. MMMM y 'um' HH:mm:ss zzzz",
            "d. MMMM y 'um' HH:mm:ss z",
            "dd.MM.y, HH:mm:ss",
            "dd.MM.yy, HH:mm",
        ),
    ),
    "es": Language(
        _words(
            "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre "
            "diciembre"
        ),
        _words("ene feb mar abr may jun jul ago sept oct nov dic"),
        _words("lunes martes miércoles jueves viernes sábado domingo"),
        _words("lun mar mié jue vie sáb dom"),
        (
            "EEEE, d 'de' MMMM 'de' y, H:mm:ss (zzzz)",
            "d 'de' MMMM 'de' y, H:mm:ss z",
            "d MMM y, H:mm:ss",
            "d/M/yy, H:mm",
        ),
    ),
    "it": Language(
        _words(
            "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre "
            "dicembre"
        ),
        _words("gen feb mar apr mag giu lug ago set ott nov dic"),
        _words("lunedì martedì mercoledì giovedì venerdì sabato domenica"),
        _words("lun mar mer gio ven sab dom"),
        (
            "EEEE d MMMM y 'alle ore' HH:mm:ss zzzz",
            "d MMMM y 'alle ore' HH:mm:ss z",
            "d MMM y, HH:mm:ss",
            "dd/MM/yy, HH:mm",
        ),
    ),
    "pt": Language(
        _words(
            "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro "
            "dezembro"
        ),
        _words("jan. fev. mar. abr. mai. jun. jul. ago. set. out. nov. dez."),
        _words("segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo"),
        _words("seg. ter. qua. qui. sex. sáb. dom."),
        (
            "EEEE, d 'de' MMMM 'de' y 'às' HH:mm:ss zzzz",
            "d 'de' MMMM 'de' y 'às' HH:mm:ss z",
            "d 'de' MMM 'de' y, HH:mm:ss",
            "dd/MM/y, HH:mm",
        ),
    ),
    "nl": Language(
        _words(
            "januari februari maart april mei juni juli augustus september oktober november "
            "december"
        ),
        _words("jan feb mrt apr mei jun jul aug sep okt nov dec"),
        _words("maandag dinsdag woensdag donderdag vrijdag zaterdag zondag"),
        _words("ma di wo do vr za zo"),
        (
            "EEEE d MMMM y 'om' HH:mm:ss zzzz",
            "d MMMM y 'om' HH:mm:ss z",
            "d MMM y HH:mm:ss",
            "dd-MM-y HH:mm",
        ),
    ),
}
