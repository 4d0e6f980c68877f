/**
 * Options of Node with which a process that serves a cache is started; Makefile and Dockerfile, which cannot read this, name the same (a
 * test compares them).
 *
 * The buffers of bodies that pass through count as growth of the JavaScript heap. Ours is so small (11 MB) that V8 would mark all of it
 * after each 16 MB of them: up to a third of the CPU time of a fill. Below 48 MB it leaves them to its cheap collections.
 * Those come when what is young has twice the size of a semi-space: of 8 MB, not 16, half as much memory waits for them.
 */
export const NODE_OPTIONS: readonly string[] = ['--initial-old-space-size=48', '--max-semi-space-size=8'];
