import { Trainer } from '../../lib/train/index.ts'
import { makeGraph } from '../../lib/train/trainer.ts'
import { FakeGraph } from './graph.ts'

/** A trainer whose graphs call the captured functions again: all but CUDA is real. */
export class Repeating extends Trainer {
  readonly graphs: FakeGraph[] = []
  predicts = false
  protected override [makeGraph](): FakeGraph {
    const graph = new FakeGraph(this.predicts)
    this.graphs.push(graph)
    return graph
  }
  /** Those that something was captured into; the trainer makes one more to see whether it can. */
  get captured(): FakeGraph[] {
    return this.graphs.filter(({ captures }) => captures > 0)
  }
}
