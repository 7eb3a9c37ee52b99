import { tone } from '../palette.ts'

/** The mark of a layer: a rule at the time that is nearest to the pointer, with a tooltip. */
export const pointerRule = <X extends object, Tooltip extends object>(x: X, tooltip: Tooltip) => ({
  mark: { type: 'rule' as const, color: tone('soft'), strokeWidth: 1, clip: true },
  encoding: {
    x,
    opacity: { condition: { param: 'near', empty: false, value: 0.6 }, value: 0 },
    tooltip,
  },
  params: [
    {
      name: 'near',
      select: {
        type: 'point' as const,
        fields: ['t'],
        nearest: true,
        on: 'pointerover',
        clear: 'pointerout',
      },
    },
  ],
})
