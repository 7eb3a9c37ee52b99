# CUDA_HEADERS: the folder with the headers of the CUDA version that LibTorch was built with, or empty. The major
# version has to match, since structures differ between major versions.
set(CUDA_HEADERS "")

# From a PyTorch wheel (cuda: '13.0'), or from a LibTorch archive (2.13.0+cu130).
set(CUDA_MAJOR "")
foreach(note version.py build-version)
  if(NOT CUDA_MAJOR AND EXISTS "${LIBTORCH}/${note}")
    file(READ "${LIBTORCH}/${note}" text)
    if(text MATCHES "cuda[^\n=]*= '([0-9]+)\\." OR text MATCHES "\\+cu([0-9]+)[0-9]")
      set(CUDA_MAJOR "${CMAKE_MATCH_1}")
    endif()
  endif()
endforeach()

# Searched in this order: folders set by the user, those shipped with PyTorch (in the layouts for CUDA 13 and 12),
# installed ones.
file(GLOB installed /usr/local/cuda-*)
foreach(root "$ENV{CUDA_HOME}" "$ENV{CUDA_PATH}" "${LIBTORCH}/../nvidia/cu${CUDA_MAJOR}"
    "${LIBTORCH}/../nvidia/cuda_runtime" /usr/local/cuda ${installed})
  set(header "${root}/include/cuda_runtime_api.h")
  if(CUDA_HEADERS OR NOT root OR NOT EXISTS "${header}")
    continue()
  endif()
  file(STRINGS "${header}" version REGEX "^#define CUDART_VERSION +[0-9]+")
  string(REGEX REPLACE "[^0-9]*([0-9]+)[0-9][0-9][0-9].*" "\\1" major "${version}")
  if(NOT CUDA_MAJOR OR major STREQUAL CUDA_MAJOR)
    get_filename_component(CUDA_HEADERS "${root}/include" ABSOLUTE)
  endif()
endforeach()

if(CUDA_HEADERS AND NOT MSVC AND NOT EXISTS "${CUDA_HEADERS}/crt/host_defines.h")
  list(APPEND CUDA_HEADERS "${CMAKE_SOURCE_DIR}/native/cuda/host")
endif()
if(CUDA_HEADERS)
  message(STATUS "CUDA's headers: ${CUDA_HEADERS}")
else()
  message(STATUS "CUDA's headers: none for version ${CUDA_MAJOR}")
endif()
