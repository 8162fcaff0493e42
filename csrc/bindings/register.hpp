// One function a bind_*.cpp.
#pragma once

#include <pybind11/pybind11.h>

namespace movieembed {

void register_core(pybind11::module_& m);
void register_product(pybind11::module_& m);
void register_cooccurrence(pybind11::module_& m);
void register_dense(pybind11::module_& m);
void register_neighbors(pybind11::module_& m);

// Throws where SciPy's BLAS, which dense kernels and neighbours call, has not been taken yet.
void check_blas();

}  // namespace movieembed
