/**
 * The program of a page: it draws each chart anew when it comes into sight, as wide as the page is, with tooltips and
 * buttons to enlarge it. Without it, the page has the same charts as pictures.
 */
export const SCRIPT = `(() => {
  'use strict'
  const specs = JSON.parse(document.getElementById('charts').textContent)
  const tip = document.getElementById('tip')

  // Values come from the data: they are text, never HTML.
  const showTip = (handler, event, item, value) => {
    tip.hidden = value == null || value === ''
    if (tip.hidden) return
    const rows = typeof value === 'object' ? Object.entries(value) : [['', value]]
    const table = document.createElement('table')
    for (const [name, text] of rows) {
      if (text === undefined || text === null || text === 'null' || text === 'NaN' || text === '') continue
      const row = table.insertRow()
      for (const part of [name, text]) row.insertCell().textContent = String(part)
    }
    tip.replaceChildren(table)
    const { width, height } = tip.getBoundingClientRect()
    const left = event.clientX + 14 + width > innerWidth ? event.clientX - 14 - width : event.clientX + 14
    const top = event.clientY + 14 + height > innerHeight ? event.clientY - 14 - height : event.clientY + 14
    tip.style.left = Math.max(4, left) + 'px'
    tip.style.top = Math.max(4, top) + 'px'
  }

  const zoomBy = (view, factor, move) => {
    const signal = Object.keys(view.getState({ signals: (name) => /^zoom_(?!tuple|translate|zoom|modify)/.test(name) }).signals)[0]
    if (signal === undefined) return
    if (factor === 0) view.signal(signal, null)
    else {
      const [from, to] = view.scale('x').domain().map(Number)
      const middle = (from + to) / 2 + move * (to - from)
      const half = ((to - from) / 2) * factor
      view.signal(signal, [middle - half, middle + half])
    }
    view.runAsync()
  }

  const widthOf = (place) => Math.max(240, Math.floor(place.clientWidth))

  const draw = async (figure) => {
    const place = figure.querySelector('.chart')
    const view = new vega.View(vega.parse(specs[figure.dataset.chart]), { renderer: 'svg', hover: true, tooltip: showTip })
    const box = document.createElement('div')
    view.width(widthOf(place)).initialize(box)
    await view.runAsync()
    place.replaceChildren(box)
    let width = widthOf(place)
    new ResizeObserver(() => {
      const now = widthOf(place)
      if (now === width) return
      width = now
      view.width(now).runAsync()
    }).observe(place)
    const tools = figure.querySelector('.tools')
    if (tools === null) return
    tools.hidden = false
    for (const button of tools.querySelectorAll('button')) {
      button.addEventListener('click', () => zoomBy(view, Number(button.dataset.zoom), Number(button.dataset.move)))
    }
  }

  const drawn = new Set()
  const drawOnce = (figure) => {
    if (drawn.has(figure)) return
    drawn.add(figure)
    draw(figure).catch((error) => console.error(figure.dataset.chart, error))
  }
  const observer = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) drawOnce(target)
  }, { rootMargin: '400px' })
  for (const figure of document.querySelectorAll('figure[data-chart]')) observer.observe(figure)

  addEventListener('scroll', () => { tip.hidden = true }, { passive: true })
  addEventListener('keydown', (event) => { if (event.key === 'Escape') tip.hidden = true })
  // Paper has no triangle to press.
  addEventListener('beforeprint', () => { for (const one of document.querySelectorAll('details')) one.open = true })
})()`
