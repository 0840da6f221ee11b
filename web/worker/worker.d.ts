// Importing `kin-clip/worker` makes the worker that does it Kin's.
export {};
