#include "cuda/graph.h"

#include <ATen/Context.h>
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <c10/cuda/CUDAFunctions.h>
#include <torch/version.h>

#include <mutex>

// Declared here because its header includes those of cuBLAS, cuSPARSE and cuSOLVER, which not every installation has.
namespace at::cuda {
TORCH_CUDA_CPP_API void clearCublasWorkspaces();
}  // namespace at::cuda

namespace rnn::cuda {

Graph::Graph(const runtime::CudaGraph* shared)
    : pool_(shared == nullptr ? at::cuda::graph_pool_handle() : shared->pool()) {}

void Graph::begin() {
  device_ = c10::cuda::current_device();
  try {
    // cuBLAS keeps a workspace per stream. A workspace allocated during a capture belongs to that graph and must not be
    // used by the next one.
    at::cuda::clearCublasWorkspaces();
    // Thread-local mode: actions of other threads in the meantime, such as freeing memory, do not invalidate the
    // capture.
    graph_.capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
  } catch (...) {
    clean_up(false);
    throw;
  }
}

void Graph::end() {
  try {
    graph_.capture_end();
    at::cuda::clearCublasWorkspaces();
  } catch (...) {
    clean_up(true);
    throw;
  }
}

#if TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR < 14

void Graph::CaptureGraph::release_generators(c10::DeviceIndex device) {
  at::Generator generator = at::globalContext().defaultGenerator({at::kCUDA, device});
  const std::lock_guard lock(generator.mutex());
  // From 2.13 on, a generator keeps its state per capture and has no such flag.
  const auto release = [](auto& states) {
    for (auto& [state, increment] : states) {
      if constexpr (requires { state->capturing_; }) state->capturing_ = false;
    }
  };
  release(captured_generator_states_);
}

namespace {

template <typename Work>
bool succeeds(Work work) {
  try {
    work();
    return true;
  } catch (const c10::Error&) {
    return false;
  }
}

// Not every LibTorch version has pools of pinned memory.
template <typename Allocator>
void clean_up_host(Allocator* allocator, runtime::CudaGraph::Pool pool, bool acquired) {
  if constexpr (requires { allocator->end_allocate_to_pool(pool); }) {
    const bool ended = succeeds([&] { allocator->end_allocate_to_pool(pool); });
    if (ended || acquired) succeeds([&] { allocator->release_pool(pool); });
  }
}

}  // namespace

// Otherwise the allocators would keep asking the graph, which may no longer exist, whether a stream belongs to it.
void Graph::clean_up(bool acquired) {
  succeeds([&] { graph_.release_generators(device_); });
  // capture_end has already cleaned up; do not do it twice.
  if (succeeds([&] { graph_.pool(); })) return;
  namespace allocator = c10::cuda::CUDACachingAllocator;
  // Some versions have already done this.
  const bool ended = succeeds([&] { allocator::endAllocateToPool(device_, pool_); });
  if (ended || acquired) succeeds([&] { allocator::releasePool(device_, pool_); });
  clean_up_host(at::getHostAllocator(at::kCUDA), pool_, acquired);
}

#else

// LibTorch cleans up by itself.
void Graph::clean_up(bool) {}
void Graph::CaptureGraph::release_generators(c10::DeviceIndex) {}

#endif

}  // namespace rnn::cuda
