/** Text that is HTML already. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** What can stand in HTML: texts are escaped, and nothing is written for `false`, `null` and `undefined`. */
export type Content = Html | string | number | false | null | undefined | readonly Content[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A text as HTML, also within the quotes of an attribute. */
export const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign] as string)

function written(content: Content): string {
  if (content instanceof Html) return content.text
  if (typeof content === 'string') return escaped(content)
  if (typeof content === 'number') return String(content)
  return content === false || content == null ? '' : content.map(written).join('')
}

/** HTML with contents, which are escaped unless they are HTML: html`<p>${name}</p>`. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(parts.map((part, i) => (i === 0 ? part : written(contents[i - 1]) + part)).join(''))
}

/** A value as JSON that can stand in a `<script>`, which ends at the first `</script`. */
export const scriptJSON = (value: unknown): Html => new Html(JSON.stringify(value).replaceAll('<', '\\u003c'))

/** The text of a program that can stand in a `<script>`. */
export const scriptText = (text: string): Html => new Html(text.replaceAll(/<(?=\/script|!--)/gi, '\\x3c'))
