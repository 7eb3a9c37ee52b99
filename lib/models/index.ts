export { GRUModel } from './gru.ts'
export { LSTMModel } from './lstm.ts'
export { RecurrentModel } from './model.ts'
export { RNNModel } from './rnn.ts'
