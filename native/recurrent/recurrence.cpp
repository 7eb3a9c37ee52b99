#include "recurrent/recurrence.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>

#include "recurrent/libtorch.h"

namespace rnn::recurrent {
namespace {

constexpr std::array kRecurrences = {
    Recurrence{.name = "RNN_TANH",
               .family = Family::kRnn,
               .module = "RNN",
               .gates = 1,
               .states = 1,
               .traced = 1,
               .kernel = CellKind::kRnnTanh,
               .network = libtorch_rnn_tanh,
               .cell = libtorch_rnn_tanh_cell,
               .cudnn_mode = 1},
    Recurrence{.name = "RNN_RELU",
               .family = Family::kRnn,
               .module = "RNN",
               .gates = 1,
               .states = 1,
               .traced = 1,
               .kernel = CellKind::kRnnRelu,
               .network = libtorch_rnn_relu,
               .cell = libtorch_rnn_relu_cell,
               .cudnn_mode = 0},
    // i, f, g, o, c, h
    Recurrence{.name = "LSTM",
               .family = Family::kLstm,
               .module = "LSTM",
               .gates = 4,
               .states = 2,
               .traced = 6,
               .kernel = CellKind::kLstm,
               .network = libtorch_lstm,
               .cell = libtorch_lstm_cell,
               .cudnn_mode = 2},
    // r, z, n, h
    Recurrence{.name = "GRU",
               .family = Family::kGru,
               .module = "GRU",
               .gates = 3,
               .states = 1,
               .traced = 4,
               .kernel = CellKind::kGru,
               .network = libtorch_gru,
               .cell = libtorch_gru_cell,
               .cudnn_mode = 3},
    // z, n, h
    Recurrence{.name = "MIN_GRU",
               .family = Family::kMinGru,
               .module = "MinGRU",
               .gates = 2,
               .states = 1,
               .traced = 3,
               .kernel = std::nullopt,
               .network = nullptr,
               .cell = nullptr,
               .cudnn_mode = std::nullopt},
};

}  // namespace

const Recurrence& recurrence_of(std::string_view name) {
  const auto found =
      std::find_if(kRecurrences.begin(), kRecurrences.end(), [&](const Recurrence& row) { return row.name == name; });
  TORCH_CHECK_VALUE(found != kRecurrences.end(), "there is no recurrence '", name, "'");
  return *found;
}

}  // namespace rnn::recurrent
