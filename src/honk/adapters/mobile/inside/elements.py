"""A manifest's elements, whichever way they are written down."""

from dataclasses import dataclass, field

#: Numbers of Android's own attributes, by which alone they are known.
ATTRIBUTES = {
    0x01010001: "label",
    0x01010002: "icon",
    0x01010003: "name",
    0x0101000F: "debuggable",
    0x0101020C: "minSdkVersion",
    0x0101021B: "versionCode",
    0x0101021C: "versionName",
    0x01010270: "targetSdkVersion",
    0x01010576: "versionCodeMajor",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A resource by its number."""

    id: int


Value = str | int | Reference


@dataclass(frozen=True, slots=True)
class Element:
    """One element; of the elements within it those that anybody asks for."""

    name: str
    depth: int
    attributes: dict[str, Value] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The attribute in words; "" where it is not there or elsewhere."""
        value = self.attributes.get(name, "")
        return "" if isinstance(value, Reference) else str(value)
