#!/bin/bash
# A scenario in parts: sbatch --array=1-20 slurm_array.sh SCENARIO REPLICATES
# then: lupusim merge parts/* --out whole
#SBATCH --job-name=lupusim
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=2G
#SBATCH --time=02:00:00
#SBATCH --requeue
set -euo pipefail

scenario=$1
replicates=$2
part=parts/$SLURM_ARRAY_TASK_ID

# --resume makes a part that was killed, or is submitted again, go on where it was. SLURM sends
# SIGTERM before its time is over; what is finished by then is kept.
exec lupusim run "$scenario" --replicates "$replicates" --jobs "$SLURM_CPUS_PER_TASK" \
  --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --out "$part" --resume --format csv
