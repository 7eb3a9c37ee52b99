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
  // Cleans up what LibTorch before 2.14 leaves behind when a capture fails. `acquired`: the capture had begun.
  void clean_up(bool acquired);

  // Cleans up what LibTorch before 2.13 leaves behind: otherwise the next random number on the device would fail, even
  // in the replay of an earlier graph.
  class CaptureGraph : public at::cuda::CUDAGraph {
   public:
    void release_generators(c10::DeviceIndex device);
  };

  Pool pool_;
  c10::DeviceIndex device_ = 0;
  CaptureGraph graph_;
};

}  // namespace rnn::cuda
