// Pages and parts of pages, as markup. No part of it touches the document.

import { drawArt } from "./art.js";
import { html } from "./html.js";
import { clock, duration, songs, summarise } from "./playlist.js";

export function icon(name) {
  return html`<svg class="icon" aria-hidden="true"><use href="#icon-${name}"/></svg>`;
}

// Up to four pictures as one cover.
export function mosaic(tracks) {
  const pictures = tracks.slice(0, tracks.length < 4 ? 1 : 4).map((track) => drawArt(track.art));
  return html`<span class="cover ${pictures.length === 4 ? "four" : ""}">
    ${pictures.length ? pictures : icon("note")}</span>`;
}

export function trackRow(track, position, { current = null, playing = false } = {}) {
  const here = current?.id === track.id;
  return html`<li class="track ${here ? "current" : ""} ${here && playing ? "playing" : ""}" data-track="${track.id}">
    <button class="play-row" data-action="play-from" data-position="${position}">
      <span class="cover small">${drawArt(track.art)}<span class="bars" aria-hidden="true"><i></i><i></i><i></i></span></span>
      <span class="words"><b>${track.title}</b><small>${track.artist}</small></span>
      <time>${clock(track.seconds)}</time>
    </button>
    <button class="round quiet" data-action="track-menu" data-id="${track.id}" aria-label="More for ${track.title}">
      ${icon("more")}</button>
  </li>`;
}

// A calm page for whenever there is nothing else to show.
export function notice({ title, text, picture = "note", action = null }) {
  return html`<section class="notice">
    <span class="notice-picture">${icon(picture)}</span>
    <h2>${title}</h2>
    <p>${text}</p>
    ${action && html`<a class="button primary" href="${action.href}">${action.label}</a>`}
  </section>`;
}

export function errorPage(error) {
  return html`<div class="page">
    ${notice({
      title: "Something went wrong",
      text: "This page stopped working. The rest of Overtone still plays.",
      picture: "alert",
      action: { href: "#/", label: "Back to the start" },
    })}
    <p class="error-detail"><code>${error.message}</code></p>
  </div>`;
}

export function homePage({ playlists, catalogue, greeting, lasting, state }) {
  return html`<div class="page home">
    <header class="top"><h1>${greeting}</h1>
      <a class="round" href="#/search" aria-label="Search">${icon("search")}</a></header>
    ${!lasting && html`<p class="hint">Your own playlists last until this page is closed.</p>`}
    <nav class="shelf" aria-label="Playlists">${playlists.map((playlist) => shelfCard(playlist, catalogue))}</nav>
    <button class="button wide" data-action="new-playlist">${icon("plus")} New playlist</button>
    <h2>All songs</h2>
    <ol class="tracks">${catalogue.tracks.map((track, i) => trackRow(track, i, state))}</ol>
  </div>`;
}

function shelfCard(playlist, catalogue) {
  return html`<a class="card" href="#/playlist/${playlist.id}">
    ${mosaic(catalogue.tracksOf(playlist))}<span>${playlist.title}</span></a>`;
}

export function playlistPage({ playlist, tracks, state }) {
  const facts = summarise(tracks);
  return html`<div class="page playlist">
    <div class="backdrop" aria-hidden="true">${drawArt(facts.cover)}</div>
    <header class="top"><a class="round" href="#/" aria-label="Back">${icon("back")}</a></header>
    <section class="hero">
      ${mosaic(tracks)}
      <div>
        <h1>${playlist.title}</h1>
        <p>${playlist.description}</p>
        <p class="meta">${songs(facts.songs)} · ${duration(facts.seconds)} · ${facts.artists.join(", ")}</p>
      </div>
    </section>
    <div class="buttons">
      <button class="button primary" data-action="play-all">${icon("play")} Play</button>
      <button class="button" data-action="shuffle-all">${icon("shuffle")} Shuffle</button>
    </div>
    <ol class="tracks">${tracks.map((track, i) => trackRow(track, i, state))}</ol>
  </div>`;
}

export function searchPage({ query }) {
  return html`<div class="page search">
    <header class="top"><a class="round" href="#/" aria-label="Back">${icon("back")}</a>
      <input type="search" id="query" placeholder="Songs, artists, albums" aria-label="Search" value="${query}"
        autocomplete="off" autocapitalize="none"></header>
    <div id="results"></div>
  </div>`;
}

export function searchResults({ query, tracks, state }) {
  if (query.trim() === "") {
    return notice({ title: "What are you in the mood for?", text: "Type a song, an artist or an album.", picture: "search" });
  }
  if (tracks.length === 0) {
    return notice({ title: "No songs found", text: `Nothing here sounds like “${query.trim()}”.`, picture: "search" });
  }
  return html`<ol class="tracks">${tracks.map((track, i) => trackRow(track, i, state))}</ol>`;
}

export function missingPage() {
  return html`<div class="page">${notice({
    title: "There is no such page",
    text: "The playlist may have been removed.",
    action: { href: "#/", label: "Back to the start" },
  })}</div>`;
}

// The bar at the bottom: art, words and the two buttons that a thumb needs.
export function nowPlayingBar({ track, playing }) {
  return html`<div class="bar-line"><i id="bar-progress"></i></div>
    <button class="bar-open" data-action="open-sheet" aria-label="Open the player">
      <span class="cover small">${drawArt(track.art)}</span>
      <span class="words"><b>${track.title}</b><small>${track.artist}</small></span>
    </button>
    <button class="round" data-action="toggle" aria-label="${playing ? "Pause" : "Play"}">
      ${icon(playing ? "pause" : "play")}</button>
    <button class="round quiet" data-action="next" aria-label="Next song">${icon("next")}</button>`;
}

export function nowPlayingSheet({ track, playing, liked, repeat, upNext }) {
  return html`<div class="backdrop" aria-hidden="true">${drawArt(track.art)}</div>
    <header class="top"><button class="round" data-action="close-sheet" aria-label="Close">${icon("down")}</button>
      <small>${track.album} · ${track.year}</small>
      <button class="round ${liked ? "on" : ""}" data-action="like" aria-pressed="${String(liked)}"
        aria-label="Like">${icon("heart")}</button></header>
    <span class="cover large">${drawArt(track.art)}</span>
    <h1>${track.title}</h1>
    <p class="meta">${track.artist}</p>
    <input type="range" id="seek" min="0" max="${track.seconds}" value="0" step="1" aria-label="Position">
    <p class="times"><time id="elapsed">0:00</time><time>${clock(track.seconds)}</time></p>
    <div class="transport">
      <button class="round quiet" data-action="shuffle-queue" aria-label="Shuffle what is up next">${icon("shuffle")}</button>
      <button class="round" data-action="previous" aria-label="Previous song">${icon("previous")}</button>
      <button class="round main" data-action="toggle" aria-label="${playing ? "Pause" : "Play"}">
        ${icon(playing ? "pause" : "play")}</button>
      <button class="round" data-action="next" aria-label="Next song">${icon("next")}</button>
      <button class="round quiet ${repeat ? "on" : ""}" data-action="repeat" aria-pressed="${String(repeat)}"
        aria-label="Repeat">${icon("repeat")}</button>
    </div>
    <h2>Up next</h2>
    ${upNext.length === 0
      ? html`<p class="meta">The queue ends here.</p>`
      : html`<ol class="tracks">${upNext.map((other, n) => queueRow(other, n))}</ol>`}`;
}

function queueRow(track, n) {
  return html`<li class="track"><button class="play-row" data-action="skip-to" data-position="${n}">
    <span class="cover small">${drawArt(track.art)}</span>
    <span class="words"><b>${track.title}</b><small>${track.artist}</small></span>
    <time>${clock(track.seconds)}</time></button></li>`;
}

export function trackMenu({ track, playlists }) {
  return html`<header class="menu-head"><span class="cover small">${drawArt(track.art)}</span>
      <span class="words"><b>${track.title}</b><small>${track.artist} · ${track.album}</small></span></header>
    <button data-action="play-next" data-id="${track.id}">${icon("queue")} Play next</button>
    <button data-action="add-to-queue" data-id="${track.id}">${icon("plus")} Add to the queue</button>
    ${playlists.map(
      (playlist) => html`<button data-action="add-to-playlist" data-id="${track.id}" data-playlist="${playlist.id}">
        ${icon("note")} Add to ${playlist.title}</button>`,
    )}
    <button class="quiet" data-action="close-menu">Cancel</button>`;
}

export function newPlaylistForm() {
  return html`<form id="new-playlist"><h2>New playlist</h2>
    <input name="title" maxlength="40" placeholder="Its name" aria-label="Name" autocomplete="off">
    <div class="buttons"><button class="button primary">Create</button>
      <button type="button" class="button" data-action="close-menu">Cancel</button></div></form>`;
}
