// The extension module movieembed._core: a file for each folder of kernels says what Python sees of it.
//
// Each bound function checks its arguments, drops the GIL, calls one kernel and wraps the result.
#include "bindings/register.hpp"

// No kernel touches Python objects, and what is shared has locks of its own.
PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
    m.doc() = "Compiled kernels of movieembed. Private: use the functions of the package.";
    movieembed::register_core(m);
    movieembed::register_product(m);
    movieembed::register_cooccurrence(m);
    movieembed::register_dense(m);
    movieembed::register_neighbors(m);
}
