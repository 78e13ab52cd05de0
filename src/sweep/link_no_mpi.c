/* link_no_mpi.c: in place of link_mpi.c where the program is built without MPI. See link.h. */
#include "sweep/link.h"

pb_status link_ranks_open(link_ranks *r, pb_error *err)
{
    *r = (link_ranks){0};
    fail(err, PB_EUNSUPPORTED, "mpirun started several processes, but patchbay was built without MPI");
    return fail_hint(err, "install libopenmpi-dev and build again with -Dmpi=enabled, or use --shard");
}

void link_ranks_close(link_ranks *r)
{
    (void)r;
}
