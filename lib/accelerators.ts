/**
 * The GPUs that can train an index.
 *
 * @module
 */
import { rethrow } from './errors.js';
import { addon } from './native.js';

/** A GPU, as its driver describes it. One that has drivers for two backends is listed twice. */
export interface Accelerator {
  /** As the driver spells it. Any part of it works as the option `accelerator`. */
  name: string;
  /** The maker. */
  vendor: string;
  backend: 'vulkan' | 'metal' | 'dx12';
  /**
   * What it computes on. `"cpu"` is a software renderer: it is slower than `accelerator: "cpu"`, and is
   * not chosen unless the environment variable `QUIVERDB_ALLOW_SOFTWARE_GPU` is `1`.
   */
  type: 'discrete' | 'integrated' | 'virtual' | 'other' | 'cpu';
  /** The driver's name and version. */
  driver: string;
  /** The largest buffer it allocates, in bytes. Drivers do not tell how much memory there is. */
  maxBufferBytes: number;
  /** The largest part of a buffer that a kernel sees, in bytes. Larger data is cut into such parts. */
  maxBindingBytes: number;
  /** Memory that the threads of a workgroup share, in bytes. */
  maxWorkgroupBytes: number;
  /** What it offers of `subgroups`, `f16` and `cooperative-matrix`. */
  features: string[];
  /**
   * The ways to compute that it offers, the plainest first: `f32`, `subgroups`, `f16`, `matrix`. The first index
   * that it trains tries them; `details.deviceVariant` of an index's statistics says which one was used.
   */
  variants: string[];
  /** Why it cannot train an index, if it cannot. */
  unfit?: string;
}

/**
 * Lists the GPUs of this machine, the best first: `accelerator: "gpu"` takes the first that is no software
 * renderer. The list is empty where there is no GPU, no driver, or (on Linux and Windows) no Vulkan loader.
 *
 * The first call loads the GPU libraries; nothing before it does, unless an index asks for an accelerator.
 *
 * @example
 * ```ts
 * for (const { name, backend, type } of await accelerators()) console.log(name, backend, type);
 * ```
 */
export async function accelerators(): Promise<Accelerator[]> {
  const found = await rethrow(addon().accelerators());
  return found.map(({ kind, backend, ...rest }) => ({
    ...rest,
    backend: backend as Accelerator['backend'],
    type: kind as Accelerator['type'],
  }));
}
