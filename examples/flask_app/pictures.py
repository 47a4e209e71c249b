"""Placeholder pictures, drawn from a number: a bay, a boat, a lamp. A video is the same bay with the waves moving."""

from __future__ import annotations

import hashlib
import random

WIDTH, HEIGHT = 640, 360
SKIES = (("#f6c28b", "#7fb3c8"), ("#cfe3ec", "#8fb8d0"), ("#e8d5e6", "#8aa6c8"), ("#2f4060", "#16213a"))
SEAS = ("#2f6f86", "#3b7f78", "#40628f", "#1f3d57")


def picture(seed: int, *, still: int | None = None, moving: bool = False) -> bytes:
    """Return an SVG. The same arguments give the same bytes for ever; ``still`` picks a moment of a video."""
    dice = random.Random(seed)
    hour = dice.randrange(len(SKIES))
    boat_x, boat_color = dice.randrange(80, 420), dice.choice(("#b5483b", "#e0a83a", "#f3efe4", "#35526b"))
    sun_x, sun_y = dice.randrange(60, 580), dice.randrange(50, 150)
    lamp_x, horizon = dice.choice((70, 560)), dice.randrange(190, 220)
    shift = 0 if still is None else 70 * still
    top, bottom = SKIES[hour]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">',
        f'<defs><linearGradient id="s" x2="0" y2="1"><stop stop-color="{top}"/>'
        f'<stop offset="1" stop-color="{bottom}"/></linearGradient></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="url(#s)"/>',
        f'<circle cx="{sun_x}" cy="{sun_y + shift // 4}" r="26" fill="#fdf3d0" opacity=".9"/>',
        f'<rect y="{horizon}" width="{WIDTH}" height="{HEIGHT - horizon}" fill="{SEAS[hour]}"/>',
        f'<path d="M{lamp_x} {horizon - 90}h18l8 96h-34z" fill="#f3efe4"/>'
        f'<path d="M{lamp_x - 4} {horizon - 60}h26l2 18h-30z" fill="#b5483b"/>'
        f'<rect x="{lamp_x - 2}" y="{horizon - 106}" width="22" height="16" rx="3" fill="#ffd76b"/>',
        _boat((boat_x + shift) % 500, horizon + 26, boat_color, moving=moving),
        *(_wave(horizon + 40 + 34 * row, dice.randrange(80), moving=moving) for row in range(4)),
        "</svg>",
    ]
    return "".join(parts).encode()


def digest(seed: int) -> str:
    """Return the SHA-256 of the picture as it is served."""
    return hashlib.sha256(picture(seed)).hexdigest()


def _boat(x: int, y: int, color: str, *, moving: bool) -> str:
    sway = (
        '<animateTransform attributeName="transform" type="translate" dur="14s" repeatCount="indefinite" '
        'values="0 0;60 4;120 -2;60 3;0 0"/>'
        if moving
        else ""
    )
    return (
        f'<g>{sway}<path d="M{x} {y}h110l-18 30h-70z" fill="{color}"/>'
        f'<path d="M{x + 52} {y - 4}v-78l46 70z" fill="#fff" opacity=".9"/></g>'
    )


def _wave(y: int, phase: int, *, moving: bool) -> str:
    swell = "q20 -10 40 0t40 0" * 9
    drift = (
        '<animateTransform attributeName="transform" type="translate" dur="6s" repeatCount="indefinite" '
        'values="0 0;-40 3;0 0"/>'
        if moving
        else ""
    )
    return f'<path d="M{-phase} {y}{swell}" fill="none" stroke="#fff" stroke-width="3" opacity=".28">{drift}</path>'
