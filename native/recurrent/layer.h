#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "recurrent/kernels.h"
#include "recurrent/schedule.h"
#include "recurrent/thread_pool.h"
#include "recurrent/transposed.h"
#include "recurrent/weights.h"

namespace rnn::recurrent {

// The inputs and outputs of one direction of a layer. The rows of a matrix are those of the batch, or of all steps.
struct DirectionForward {
  bool reverse;
  const ForwardWeights* weights;
  // (batch, outputs), (batch, units)
  const float* h_first;
  const float* c_first;
  float* h_last;
  float* c_last;
  // This direction's output, (total, outputs).
  MutableRows y;
  // Saved for backward, or null: (total, saved), (total, units), and the output before the projection (total, units).
  float* gates;
  float* cell_states;
  float* unprojected;
};

struct DirectionBackward {
  bool reverse;
  const BackwardWeights* weights;
  const float* h_first;
  const float* c_first;
  Rows y;
  const float* gates;
  const float* cell_states;
  const float* unprojected;
  // The gradient of y; its data is null if there is none.
  Rows dy;
  // Gradients of the last states, replaced by those of the first: (batch, outputs), (batch, units).
  float* dh;
  float* dc;
  // Scratch memory: (total, sums_stride) and, with a projection, (total, outputs).
  float* dsums;
  float* dprojected;
  // Gradients of the parameters, or null if not needed.
  float* dweight_x;
  float* dweight_h;
  float* dbias_x;
  float* dbias_h;
  float* dweight_projection;
};

// An independent piece of work.
struct Task {
  int64_t operations;
  std::function<void()> run;
};

// The arithmetic of one layer over a whole sequence. Each thread processes a range of rows through all steps, so
// threads do not wait for each other within the sequence.
struct Layer {
  const Kernels& kernels;
  LayerShape shape;
  const Schedule& schedule;
  Sequence x;
  ThreadPool& pool;
  int64_t threads;

  void forward(const std::vector<DirectionForward>& directions) const;
  // `dx` (total, inputs) may be null.
  void backward(const std::vector<DirectionBackward>& directions, float* dx) const;

 private:
  struct Part;
  std::vector<Part> parts(size_t directions) const;
  int64_t useful_threads(double operations) const;
};

// The forward and backward pass of all steps, for the rows from `first` to `last` of one direction.
void forward_rows(const Layer& layer, const DirectionForward& direction, int64_t first, int64_t last);
void backward_rows(const Layer& layer, const DirectionBackward& direction, int64_t first, int64_t last);

// The gradient of the input, for the rows of all steps from `first` to `last`.
void input_gradient(const Layer& layer, const std::vector<DirectionBackward>& directions, float* dx, int64_t first,
                    int64_t last);

// The tasks that compute the gradients of the parameters, once those of the sums are known.
std::vector<Task> weight_gradients(const Layer& layer, const DirectionBackward& direction);

}  // namespace rnn::recurrent
