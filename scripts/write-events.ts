// Writes the event files that scripts/read-events.py reads.
import { torch } from '../lib/index.ts'
import { GRUModel } from '../lib/models/index.ts'
import { SummaryWriter, Trainer, tensorBoard } from '../lib/train/index.ts'

const [folder = 'runs'] = process.argv.slice(2)

const own = new SummaryWriter(`${folder}/own`)
for (const step of [0, 1, 2]) await own.addScalar('loss', 0.5 ** (step + 1), step)
await own.addHistogram('weights', torch.tensor([-2, 0, 0.5, 3, Number.NaN]))
await own.addText('note', 'a **b** ü')
await own.addImage(
  'pixels',
  torch.tensor([
    [0, 0.5, 1],
    [1, 0, 0],
  ]),
)

const x = torch.randn([12, 4, 1])
const images = () => ({ chart: torch.rand([3, 20, 30]) })
const callbacks = [tensorBoard(`${folder}/fit`, { histograms: true, images, everySteps: 1 })]
const model = new GRUModel(1, 4, 1, { batchFirst: true })
await new Trainer(model, { epochs: 2, batchSize: 4, callbacks, progress: false }).fit([x, x])

const first = new SummaryWriter(`${folder}/resumed`)
for (const step of [0, 1, 2]) await first.addScalar('a', step + 1, step)
await new Promise((resolve) => setTimeout(resolve, 1100)) // files are read by the second in their names
const second = new SummaryWriter(`${folder}/resumed`, { purgeStep: 1 })
for (const step of [1, 2]) await second.addScalar('a', step + 2, step)
