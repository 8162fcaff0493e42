// Sparse matrices, threads, instruction sets and BLAS: what all kernels work with.
#include <cstring>

#include "bindings/checked_csr.hpp"
#include "bindings/register.hpp"
#include "core/blas.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"

namespace movieembed {
namespace {

// The functions of SciPy's table, each a capsule named by its C signature.
void set_blas(const py::object& sgemm, const py::object& dgemm, const py::object& ssyrk, const py::object& dsyrk,
              const py::object& sgemv, const py::object& dgemv) {
    const auto pointer = [](const py::object& capsule) -> void* {
        if (!PyCapsule_CheckExact(capsule.ptr())) type_error("BLAS functions must be capsules");
        const char* name = PyCapsule_GetName(capsule.ptr());
        if (!name || !std::strstr(name, "int *")) value_error("this SciPy's BLAS does not count in 32-bit integers");
        return PyCapsule_GetPointer(capsule.ptr(), name);
    };
    blas<float> = {reinterpret_cast<Gemm<float>*>(pointer(sgemm)), reinterpret_cast<Syrk<float>*>(pointer(ssyrk)),
                   reinterpret_cast<Gemv<float>*>(pointer(sgemv))};
    blas<double> = {reinterpret_cast<Gemm<double>*>(pointer(dgemm)), reinterpret_cast<Syrk<double>*>(pointer(dsyrk)),
                    reinterpret_cast<Gemv<double>*>(pointer(dgemv))};
}

}  // namespace

void check_blas() {
    if (!blas<float>.gemm) throw std::runtime_error("set_blas has not been called");
}

void register_core(py::module_& m) {
    m.def("max_threads", &max_threads, "Threads that a kernel uses when n_threads is 0.");
    m.def("set_max_threads", &set_max_threads, py::arg("n"),
          "Hold that at n for this thread, whatever happens to OpenMP's number, until a call with 0.");
    m.def("set_parallel_threshold", &set_parallel_threshold, py::arg("work"),
          "Multiply-adds below which the products of an iteration stay on one thread.");
    m.def("parallel_threshold", &parallel_threshold, "See set_parallel_threshold.");
    m.def("gather_isas", &gather_isas, "Instruction sets that the hot loops can run on here, best first.");
    m.def("gather_isa", &gather_isa, "The one in use.");
    m.def(
        "use_gather_isa",
        [](const std::string& name) {
            if (!use_gather_isa(name)) value_error("this machine has no gather loops for ", name);
        },
        py::arg("name"), "Choose one of gather_isas().");
    m.def("set_blas", &set_blas, "Take BLAS from SciPy's capsules.", py::arg("sgemm"), py::arg("dgemm"),
          py::arg("ssyrk"), py::arg("dsyrk"), py::arg("sgemv"), py::arg("dgemv"));

    py::class_<Csr>(m, "Csr", "A checked sparse matrix in row form over borrowed arrays; values None means all ones.")
        .def(py::init<int64_t, int64_t, py::array, py::array, const py::object&>(), py::arg("rows"), py::arg("cols"),
             py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("values") = py::none())
        .def_property_readonly("rows", &Csr::rows)
        .def_property_readonly("cols", &Csr::cols)
        .def_property_readonly("nnz", &Csr::nnz);
}

}  // namespace movieembed
