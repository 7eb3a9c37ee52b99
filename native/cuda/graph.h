#pragma once
#include <ATen/cuda/CUDAGraph.h>

#include "runtime/cuda.h"

namespace rnn::cuda {

class Graph final : public runtime::CudaGraph {
 public:
  explicit Graph(const runtime::CudaGraph* shared);

  void begin() override;
  void end() override;
  void replay() override { graph_.replay(); }
  Pool pool() const override { return pool_; }

 private:
  // What LibTorch before 2.14 leaves behind where a recording fails. `acquired`: the recording had begun.
  void clean_up(bool acquired);

  Pool pool_;
  c10::DeviceIndex device_ = 0;
  at::cuda::CUDAGraph graph_;
};

}  // namespace rnn::cuda
