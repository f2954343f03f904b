"""The long texts of `--help`."""

INPUTS = """\
inputs:
  TOY            name:key=value,key=value; `wrof toys` lists them, and named problems, which bring their exponents
  SOURCE TARGET  two files, told apart by their suffix:
    .npy         weights: a list is a 1-D grid on [0, 1], a table a 2-D grid whose longest side is [0, 1]
    .npz         weights under the key 'weights', as above; with a key 'points', (n, d), they rest on these points
    .csv         bare numbers: a list or a table, as above; under a header line x,weight or x,y,weight or
                 x,y,z,weight: points with their weights
    others       pictures: brightness is mass, each picture is rescaled to mass 1, the target is resized to the source
"""
RUN = """
output:
  Numbers go to stdout; progress, notes and warnings to stderr. --out results/mine stores the run in a folder of its
  own, results/mine/<run id>/, with manifest.json, arrays.npz, {pictures}. The run id is a hash of
  the input and the options: a run with other options stands beside it, the same run again replaces it. What missed
  its certificate is stored but not drawn; an interrupted command stores nothing.

exit code: 0 done and certified, 1 a solver missed its certificate, 2 bad input, 130 interrupted

examples:
"""
SWEEP = """
output:
  A table goes to stdout, a line per step size: regime (frozen, steady, target, running), the step from which rho
  stays, steps taken, K and F of the first step, the worst gap. --out results/mine keeps the flows in
  results/mine/<run id>/, a file per step size; the run id is a hash of the input and the options but not of --tau,
  so that the same command resumes and other step sizes are added. When none is missing, arrays.npz, manifest.json,
  phase_diagram.png and (finite stops) density.png are written there too. A failed step size does not stop the rest.

exit code: 0 done and certified, 1 some step sizes failed, 2 bad input, 130 interrupted: what is finished is kept

examples:
"""
SHOW = """\
PATH is the folder of a run or a sweep; a folder of them, of which the newest is shown; or an .npz file of wrof.save.

examples:
"""
PLOT = """\
PATH is the folder of a run or a sweep; a folder of them, of which the newest is drawn; or an .npz file of wrof.save.
Figures go into that folder, or beside the file. Of an unfinished sweep what is missing is hatched.

examples:
"""
VERIFY = """\
PATH is the folder of a run or a sweep; a folder of them, which are all looked at; or an .npz file of wrof.save.
From every stored plan the value, both marginals and rho are computed again, and from the stored potential the lower
bound over all pairs. The arrays of a sweep must say what its flows say. Runs of flows, phases and experiments hold no
plans: of them it is checked that their files are whole and belong together.

exit code: 0 all is right, 1 something is wrong, 2 there is nothing that can be verified

examples:
"""
STEP_EXAMPLES = """\
  wrof step two_point:r=2 --tau 1.5
  wrof step two_point:r=2 --tau 1 --ties
  wrof step source.npy target.npy --normalize --tau 0.01 --p 1 --alpha 0.5
  wrof step a.png b.png --size 32 --tau 0.05 --out results/mine
"""
FLOW_EXAMPLES = """\
  wrof flow three_point:a=1,b=1 --tau 0.6 --steps 5
  wrof flow source.csv target.csv --tau 0.5*d1 --steps 30 --json
  wrof flow a.png b.png --size 48 --tau 0.02 --steps 20 --out results/mine
"""
SWEEP_EXAMPLES = """\
  wrof sweep steady-state --tau 0.01:0.6:40 -j 2
  wrof sweep three_point:a=1,b=2 --tau 0.1:10:60:log --steps 9 --critical
  wrof sweep a.png b.png --size 32 --tau 0.01:0.6:40 -j 2 --memory 4G --out results/mine
  wrof sweep a.png b.png --size 32 --tau 0.01:0.6:40 --out results/mine --task 3/8
"""
PHASES_EXAMPLES = """\
  wrof phases lattice_dirac:n=5
  wrof phases steady-state:K=32 --out results/mine
  wrof phases gap:a=1,b=2 --tau 0.8
  wrof phases two_point:r=0.5 --alpha 1+tau
"""
SHOW_EXAMPLES = """\
  wrof show results/mine
  wrof show results/mine --figure mine.pdf
"""
PLOT_EXAMPLES = """\
  wrof plot results/mine
  wrof plot results/mine --what phase-diagram --figure diagram.pdf
"""
VERIFY_EXAMPLES = """\
  wrof verify results/mine
  wrof verify flow.npz --json
"""
