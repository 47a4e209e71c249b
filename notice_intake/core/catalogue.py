"""The Commission's words for illegal content: one list for referral, decision, statement of reasons and report.

Codes and labels are those of the DSA Transparency Database (Reg. (EU) 2022/2065 Art. 24(5)) since 1 July 2025, when
they were aligned with the template of Implementing Reg. (EU) 2024/2835 for transparency reports. Facts taken from
digital-services-act/transparency-database, commit 69e80a0bc8eb3cbfbe8246e898194c3bdf490a4b of 24 June 2026,
``app/Models/Statement.php`` and ``app/Services/EuropeanCountriesService.php``. Order is the order to be shown in.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NOT_SPECIFIED_NOTICE: Final = "STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE"
#: Only for orders, in the report's sheet of orders; the Transparency Database does not take it.
NOT_SPECIFIED_ORDER: Final = "STATEMENT_CATEGORY_NOT_SPECIFIED_ORDER"

_SPECIFIED: Final = {
    "STATEMENT_CATEGORY_ANIMAL_WELFARE": "Animal welfare",
    "STATEMENT_CATEGORY_CONSUMER_INFORMATION": "Consumer information infringements",
    "STATEMENT_CATEGORY_CYBER_VIOLENCE": "Cyber violence",
    "STATEMENT_CATEGORY_CYBER_VIOLENCE_AGAINST_WOMEN": "Cyber violence against women",
    "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS": "Data protection and privacy violations",
    "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH": "Illegal or harmful speech",
    "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS": "Intellectual property infringements",
    "STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS": (
        "Negative effects on civic discourse or elections"
    ),
    "STATEMENT_CATEGORY_OTHER_VIOLATION_TC": "Other violation of provider’s terms and conditions",  # noqa: RUF001 - as the Commission writes it
    "STATEMENT_CATEGORY_PROTECTION_OF_MINORS": "Protection of minors",
    "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY": "Risk for public security",
    "STATEMENT_CATEGORY_SCAMS_AND_FRAUD": "Scams and/or fraud",
    "STATEMENT_CATEGORY_SELF_HARM": "Self-harm",
    "STATEMENT_CATEGORY_UNSAFE_AND_PROHIBITED_PRODUCTS": "Unsafe, non-compliant or prohibited products",
    "STATEMENT_CATEGORY_VIOLENCE": "Violence",
}

#: What a notice, a referral or a decision can be filed under.
NOTICE_CATEGORIES: Final[Mapping[str, str]] = MappingProxyType(
    _SPECIFIED | {NOT_SPECIFIED_NOTICE: "Type of alleged illegal content not specified by the notifier"}
)

#: What an order can be filed under.
ORDER_CATEGORIES: Final[Mapping[str, str]] = MappingProxyType(
    _SPECIFIED | {NOT_SPECIFIED_ORDER: "Type of illegal content not specified by the public authority"}
)

#: Both, for what is chosen before it is known which of the two it is for.
ALL_CATEGORIES: Final[Mapping[str, str]] = MappingProxyType({**NOTICE_CATEGORIES, **ORDER_CATEGORIES})

#: What a statement of reasons takes: the categories of the Transparency Database.
CATEGORIES: Final = NOTICE_CATEGORIES

KEYWORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "KEYWORD_ADULT_SEXUAL_MATERIAL": "Adult sexual material",
        "KEYWORD_AGE_SPECIFIC_RESTRICTIONS": "Age-specific restrictions",
        "KEYWORD_AGE_SPECIFIC_RESTRICTIONS_MINORS": "Age-specific restrictions concerning minors",
        "KEYWORD_ANIMAL_HARM": "Animal harm",
        "KEYWORD_BIOMETRIC_DATA_BREACH": "Biometric data breach",
        "KEYWORD_BULLYING_AGAINST_GIRLS": "Cyber bullying and intimidation against girls",
        "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL": "Child sexual abuse material",
        "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE": (
            "Child sexual abuse material containing deepfake or similar technology"
        ),
        "KEYWORD_CONTENT_PROMOTING_EATING_DISORDERS": "Content promoting eating disorders",
        "KEYWORD_COORDINATED_HARM": "Coordinated harm",
        "KEYWORD_COPYRIGHT_INFRINGEMENT": "Copyright infringements",
        "KEYWORD_CYBER_BULLYING_INTIMIDATION": "Cyber bullying and intimidation",
        "KEYWORD_CYBER_HARASSMENT": "Cyber harassment",
        "KEYWORD_CYBER_HARASSMENT_AGAINST_WOMEN": "Cyber harassment against women",
        "KEYWORD_CYBER_INCITEMENT": "Cyber incitement to hatred or violence",
        "KEYWORD_CYBER_STALKING": "Cyber stalking",
        "KEYWORD_CYBER_STALKING_AGAINST_WOMEN": "Cyber stalking against women",
        "KEYWORD_DATA_FALSIFICATION": "Data falsification",
        "KEYWORD_DEFAMATION": "Defamation",
        "KEYWORD_DESIGN_INFRINGEMENT": "Design infringements",
        "KEYWORD_DISCRIMINATION": "Discrimination",
        "KEYWORD_FEMALE_GENDERED_DISINFORMATION": "Gendered disinformation",
        "KEYWORD_GEOGRAPHIC_INDICATIONS_INFRINGEMENT": "Geographic indications infringements",
        "KEYWORD_GEOGRAPHICAL_REQUIREMENTS": "Geographical requirements",
        "KEYWORD_GOODS_SERVICES_NOT_PERMITTED": "Goods/services not permitted to be offered on the platform",
        "KEYWORD_GROOMING_SEXUAL_ENTICEMENT_MINORS": "Grooming/sexual enticement of minors",
        "KEYWORD_HATE_SPEECH": (
            "Illegal incitement to violence and hatred based on protected characteristics (hate speech)"
        ),
        "KEYWORD_HIDDEN_ADVERTISEMENT": "Hidden advertisement or commercial communication, including by influencers",
        "KEYWORD_HUMAN_EXPLOITATION": "Human exploitation",
        "KEYWORD_HUMAN_TRAFFICKING": "Human trafficking",
        "KEYWORD_ILLEGAL_ORGANIZATIONS": "Illegal organizations",
        "KEYWORD_IMPERSONATION_ACCOUNT_HIJACKING": "Impersonation or account hijacking",
        "KEYWORD_INAUTHENTIC_ACCOUNTS": "Inauthentic accounts",
        "KEYWORD_INAUTHENTIC_LISTINGS": "Inauthentic listings",
        "KEYWORD_INAUTHENTIC_USER_REVIEWS": "Inauthentic user reviews",
        "KEYWORD_INCITEMENT_AGAINST_WOMEN": "Illegal incitement to violence and hatred against women",
        "KEYWORD_INCITEMENT_VIOLENCE_HATRED": "General calls or incitement to violence and/or hatred",
        "KEYWORD_INSUFFICIENT_INFORMATION_ON_TRADERS": "Insufficient information on traders",
        "KEYWORD_LANGUAGE_REQUIREMENTS": "Language requirements",
        "KEYWORD_MISINFORMATION_DISINFORMATION": (
            "Misinformation, disinformation, foreign information manipulation and interference"
        ),
        "KEYWORD_MISLEADING_INFO_CONSUMER_RIGHTS": "Misleading information about the consumer's rights",
        "KEYWORD_MISLEADING_INFO_GOODS_SERVICES": (
            "Misleading information about the characteristics of the goods and services"
        ),
        "KEYWORD_MISSING_PROCESSING_GROUND": "Missing processing ground for data",
        "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING": (
            "Non-consensual (intimate) material sharing, including (image-based) sexual abuse (excluding content "
            "depicting minors)"
        ),
        "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING_AGAINST_WOMEN": (
            "Non-consensual (intimate) material sharing against women, including (image-based) sexual abuse against "
            "women (excluding content depicting minors)"
        ),
        "KEYWORD_NON_CONSENSUAL_MATERIAL_DEEPFAKE": (
            "Non-consensual sharing of material containing deepfake or similar technology using a third party's "
            "features (excluding content depicting minors)"
        ),
        "KEYWORD_NON_CONSENSUAL_MATERIAL_DEEPFAKE_AGAINST_WOMEN": (
            "Non-consensual sharing of material containing deepfake or similar technology using a third party's "
            "features against women (excluding content depicting minors)"
        ),
        "KEYWORD_NONCOMPLIANCE_PRICING": "Non-compliance with pricing regulations",
        "KEYWORD_NUDITY": "Nudity",
        "KEYWORD_PATENT_INFRINGEMENT": "Patent infringements",
        "KEYWORD_PHISHING": "Phishing",
        "KEYWORD_PROHIBITED_PRODUCTS": "Prohibited or restricted products",
        "KEYWORD_PYRAMID_SCHEMES": "Pyramid schemes",
        "KEYWORD_RIGHT_TO_BE_FORGOTTEN": "Right to be forgotten",
        "KEYWORD_RISK_ENVIRONMENTAL_DAMAGE": "Risk for environmental damage",
        "KEYWORD_RISK_PUBLIC_HEALTH": "Risk for public health",
        "KEYWORD_SELF_MUTILATION": "Self-mutilation",
        "KEYWORD_STALKING": "Stalking",
        "KEYWORD_SUICIDE": "Suicide",
        "KEYWORD_TERRORIST_CONTENT": "Terrorist content",
        "KEYWORD_TRADE_SECRET_INFRINGEMENT": "Trade secret infringements",
        "KEYWORD_TRADEMARK_INFRINGEMENT": "Trademark infringements",
        "KEYWORD_TRAFFICKING_WOMEN_GIRLS": "Trafficking in women and girls",
        "KEYWORD_UNLAWFUL_SALE_ANIMALS": "Unlawful sale of animals",
        "KEYWORD_UNSAFE_CHALLENGES": "Unsafe challenges",
        "KEYWORD_UNSAFE_PRODUCTS": "Unsafe or non-compliant products",
        "KEYWORD_VIOLATION_EU_LAW": "Violation of EU law relevant to civic discourse or elections",
        "KEYWORD_VIOLATION_NATIONAL_LAW": "Violation of national law relevant to civic discourse or elections",
        "KEYWORD_OTHER": "Not captured by any other keyword",
    }
)

#: The documented grouping. ``KEYWORD_OTHER`` fits every category but the unspecified ones; ``KEYWORD_STALKING`` is
#: accepted but stands in no group. The database does not enforce any of it: a hint for the desk, not a rule.
CATEGORY_KEYWORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "STATEMENT_CATEGORY_ANIMAL_WELFARE": (
            "KEYWORD_ANIMAL_HARM",
            "KEYWORD_UNLAWFUL_SALE_ANIMALS",
        ),
        "STATEMENT_CATEGORY_CONSUMER_INFORMATION": (
            "KEYWORD_HIDDEN_ADVERTISEMENT",
            "KEYWORD_INSUFFICIENT_INFORMATION_ON_TRADERS",
            "KEYWORD_MISLEADING_INFO_GOODS_SERVICES",
            "KEYWORD_MISLEADING_INFO_CONSUMER_RIGHTS",
            "KEYWORD_NONCOMPLIANCE_PRICING",
        ),
        "STATEMENT_CATEGORY_CYBER_VIOLENCE": (
            "KEYWORD_CYBER_BULLYING_INTIMIDATION",
            "KEYWORD_CYBER_HARASSMENT",
            "KEYWORD_CYBER_INCITEMENT",
            "KEYWORD_CYBER_STALKING",
            "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING",
            "KEYWORD_NON_CONSENSUAL_MATERIAL_DEEPFAKE",
        ),
        "STATEMENT_CATEGORY_CYBER_VIOLENCE_AGAINST_WOMEN": (
            "KEYWORD_BULLYING_AGAINST_GIRLS",
            "KEYWORD_CYBER_HARASSMENT_AGAINST_WOMEN",
            "KEYWORD_CYBER_STALKING_AGAINST_WOMEN",
            "KEYWORD_FEMALE_GENDERED_DISINFORMATION",
            "KEYWORD_INCITEMENT_AGAINST_WOMEN",
            "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING_AGAINST_WOMEN",
            "KEYWORD_NON_CONSENSUAL_MATERIAL_DEEPFAKE_AGAINST_WOMEN",
        ),
        "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS": (
            "KEYWORD_BIOMETRIC_DATA_BREACH",
            "KEYWORD_DATA_FALSIFICATION",
            "KEYWORD_MISSING_PROCESSING_GROUND",
            "KEYWORD_RIGHT_TO_BE_FORGOTTEN",
        ),
        "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH": (
            "KEYWORD_DEFAMATION",
            "KEYWORD_DISCRIMINATION",
            "KEYWORD_HATE_SPEECH",
        ),
        "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS": (
            "KEYWORD_COPYRIGHT_INFRINGEMENT",
            "KEYWORD_DESIGN_INFRINGEMENT",
            "KEYWORD_GEOGRAPHIC_INDICATIONS_INFRINGEMENT",
            "KEYWORD_PATENT_INFRINGEMENT",
            "KEYWORD_TRADE_SECRET_INFRINGEMENT",
            "KEYWORD_TRADEMARK_INFRINGEMENT",
        ),
        "STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS": (
            "KEYWORD_MISINFORMATION_DISINFORMATION",
            "KEYWORD_VIOLATION_EU_LAW",
            "KEYWORD_VIOLATION_NATIONAL_LAW",
        ),
        "STATEMENT_CATEGORY_OTHER_VIOLATION_TC": (
            "KEYWORD_ADULT_SEXUAL_MATERIAL",
            "KEYWORD_AGE_SPECIFIC_RESTRICTIONS",
            "KEYWORD_GEOGRAPHICAL_REQUIREMENTS",
            "KEYWORD_GOODS_SERVICES_NOT_PERMITTED",
            "KEYWORD_LANGUAGE_REQUIREMENTS",
            "KEYWORD_NUDITY",
        ),
        "STATEMENT_CATEGORY_PROTECTION_OF_MINORS": (
            "KEYWORD_AGE_SPECIFIC_RESTRICTIONS_MINORS",
            "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL",
            "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE",
            "KEYWORD_GROOMING_SEXUAL_ENTICEMENT_MINORS",
            "KEYWORD_UNSAFE_CHALLENGES",
        ),
        "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY": (
            "KEYWORD_ILLEGAL_ORGANIZATIONS",
            "KEYWORD_RISK_ENVIRONMENTAL_DAMAGE",
            "KEYWORD_RISK_PUBLIC_HEALTH",
            "KEYWORD_TERRORIST_CONTENT",
        ),
        "STATEMENT_CATEGORY_SCAMS_AND_FRAUD": (
            "KEYWORD_IMPERSONATION_ACCOUNT_HIJACKING",
            "KEYWORD_INAUTHENTIC_ACCOUNTS",
            "KEYWORD_INAUTHENTIC_LISTINGS",
            "KEYWORD_INAUTHENTIC_USER_REVIEWS",
            "KEYWORD_PHISHING",
            "KEYWORD_PYRAMID_SCHEMES",
        ),
        "STATEMENT_CATEGORY_SELF_HARM": (
            "KEYWORD_CONTENT_PROMOTING_EATING_DISORDERS",
            "KEYWORD_SELF_MUTILATION",
            "KEYWORD_SUICIDE",
        ),
        "STATEMENT_CATEGORY_UNSAFE_AND_PROHIBITED_PRODUCTS": (
            "KEYWORD_PROHIBITED_PRODUCTS",
            "KEYWORD_UNSAFE_PRODUCTS",
        ),
        "STATEMENT_CATEGORY_VIOLENCE": (
            "KEYWORD_COORDINATED_HARM",
            "KEYWORD_INCITEMENT_VIOLENCE_HATRED",
            "KEYWORD_HUMAN_EXPLOITATION",
            "KEYWORD_HUMAN_TRAFFICKING",
            "KEYWORD_TRAFFICKING_WOMEN_GIRLS",
        ),
        NOT_SPECIFIED_NOTICE: (),
        NOT_SPECIFIED_ORDER: (),
    }
)

CONTENT_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CONTENT_TYPE_APP": "App",
        "CONTENT_TYPE_AUDIO": "Audio",
        "CONTENT_TYPE_IMAGE": "Image",
        "CONTENT_TYPE_PRODUCT": "Product",
        "CONTENT_TYPE_SYNTHETIC_MEDIA": "Synthetic Media",
        "CONTENT_TYPE_TEXT": "Text",
        "CONTENT_TYPE_VIDEO": "Video",
        "CONTENT_TYPE_OTHER": "Other",
    }
)

#: Who drew attention to the content. A trusted flagger's notice is one of Article 16 too and takes its own code.
SOURCE_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "SOURCE_ARTICLE_16": "Notice submitted in accordance with Article 16 DSA",
        "SOURCE_TRUSTED_FLAGGER": "Notice submitted by a trusted flagger",
        "SOURCE_TYPE_OTHER_NOTIFICATION": "Other type of notification",
        "SOURCE_VOLUNTARY": "Own voluntary initiative",
    }
)

#: Member States, by ISO 3166-1; Greece is GR here, although its language is EL.
# fmt: off
EU: Final[tuple[str, ...]] = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
)
# fmt: on
EEA: Final[tuple[str, ...]] = tuple(sorted((*EU, "IS", "LI", "NO")))
#: Where a restriction can apply, as far as a statement of reasons can say.
TERRITORIES: Final = EEA

# The institutions' own codes, which agencies use for their countries.
_INSTITUTIONAL = {"EL": "GR", "UK": "GB"}


def category_label(code: str) -> str:
    """Return the label of a category of a notice or an order; a code that is not listed labels itself."""
    return NOTICE_CATEGORIES.get(code) or ORDER_CATEGORIES.get(code, code)


def keywords_of(category: str) -> tuple[str, ...]:
    """Return the keywords to offer for a category, ``KEYWORD_OTHER`` last; none for an unspecified one."""
    keywords = CATEGORY_KEYWORDS.get(category, ())
    return (*keywords, "KEYWORD_OTHER") if keywords else ()


def country(code: str) -> str:
    """Return the ISO 3166-1 form of a country code: upper case, GR for EL, GB for UK."""
    code = code.strip().upper()
    return _INSTITUTIONAL.get(code, code)
