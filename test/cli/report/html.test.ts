import { Script } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { escaped, Html, html, scriptJSON, scriptText } from '../../../lib/cli/report/html.ts'

describe('html', () => {
  it('escapes texts, in contents and in attributes, and takes HTML as it is', () => {
    const name = `<script>alert("1")</script> & 'x'`
    const { text } = html`<p title="${name}">${name}${new Html('<b>')}</p>`
    const safe = '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;'
    expect(text).toBe(`<p title="${safe}">${safe}<b></p>`)
    expect(escaped(name)).toBe(safe)
  })

  it('joins lists, and writes nothing for false, null and undefined', () => {
    expect(html`${[1, ['<', html`<i>`]]}|${false}${undefined}${null}|${0}`.text).toBe('1&lt;<i>||0')
  })
})

describe('what stands in a script', () => {
  it('cannot end it as JSON, and means the same', () => {
    const value = { '</script><b>': ['<!-- ', 1] }
    const { text } = scriptJSON(value)
    expect(text).not.toContain('<')
    expect(JSON.parse(text)).toEqual(value)
  })

  it('cannot end it as a program, and means the same', () => {
    const { text } = scriptText('"</script>" + "</SCRIPT" + "<!--" + "<b>"')
    expect(text).not.toMatch(/<\/script|<!--/i)
    expect(new Script(text).runInNewContext()).toBe('</script></SCRIPT<!--<b>')
  })
})
