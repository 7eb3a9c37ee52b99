// What tests ask a page in a browser: programs as text, because the types of a page are not those of Node.js.

/** The width that the page needs, and those of its charts. */
export const WIDTHS = `({
  page: document.documentElement.scrollWidth,
  charts: [...document.querySelectorAll('figure .chart svg')].map((svg) => svg.getBoundingClientRect().width),
})`

/** The least contrast of texts, and of texts in charts, to the ground, as WCAG 2 defines it. */
export const CONTRASTS = `(() => {
  const luminance = (color) => {
    const parts = (color.match(/[\\d.]+/g) ?? []).slice(0, 3).map((part) => {
      const value = Number(part) / 255
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
  }
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
  const ground = luminance(getComputedStyle(document.body).backgroundColor)
  const least = (all, property) => Math.min(...all.map((one) => ratio(luminance(getComputedStyle(one)[property]), ground)))
  const drawn = [...document.querySelectorAll('figure svg text')].filter((text) => text.getAttribute('opacity') !== '0')
  return {
    texts: least([...document.querySelectorAll('h1, h2, h3, p, a, th, td, summary, dt, dd, button')], 'color'),
    drawn: least(drawn, 'fill'),
    count: drawn.length,
  }
})()`

/** What those who do not see the page need: names, an order of headings, headings of tables, links that lead somewhere. */
export const NAMES = `({
  lang: document.documentElement.lang,
  levels: [...document.querySelectorAll('h1, h2, h3')].map(({ tagName }) => Number(tagName.slice(1))),
  unnamed: [...document.querySelectorAll('.chart')].filter(
    (chart) => chart.getAttribute('role') !== 'img' || (chart.getAttribute('aria-label') ?? '').length < 20,
  ).length,
  headless: [...document.querySelectorAll('main table')].filter(
    (table) => table.caption === null || table.querySelector('th[scope=col]') === null,
  ).length,
  buttons: [...document.querySelectorAll('button')].filter((button) => !button.hasAttribute('aria-label')).length,
  links: [...document.querySelectorAll('nav a, .skip')].filter(
    (link) => document.querySelector(link.getAttribute('href')) === null,
  ).length,
})`

/** What a browser tells a page before it prints. */
export const BEFORE_PRINT = `dispatchEvent(new Event('beforeprint'))`

export const GROUND = 'getComputedStyle(document.body).backgroundColor'
