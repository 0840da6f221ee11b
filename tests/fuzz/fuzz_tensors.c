/* fuzz_tensors: any bytes as the header of a safetensors file. */
#include "../../src/tensors.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tensor_file file;
    kin_error err;
    if (tensor_file_open(data, size, size, KIN_NOT_A_MODEL, "file", &file, &err) != KIN_OK)
        return 0;
    for (uint32_t i = 0; i < file.n; i++)
        if (file.tensors[i].end > size || file.tensors[i].begin > file.tensors[i].end)
            abort();
    tensor_file_close(&file);
    return 0;
}
