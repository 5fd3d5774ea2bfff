import { setTimeout as delay } from 'node:timers/promises';
import type { CuttingProxy } from '../../servers/cutting-proxy.js';
import type { GatewayProcess } from '../gateway-process.js';
import type { Random } from './random.js';

/** Cuts the gateway's connections to the mail server at random octets, and kills and restarts the gateway itself. */
export class Disturber {
  cuts = 0;
  kills = 0;

  constructor(
    private readonly gateway: GatewayProcess,
    private readonly proxy: CuttingProxy,
    private readonly random: Random,
  ) {}

  /** Once it resolves the gateway runs, and connections live. */
  async disturb(signal: AbortSignal): Promise<void> {
    const { random } = this;
    while (!signal.aborted) {
      await delay(random.between(500, this.kills === 0 ? 1_500 : 4_500), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      if (this.kills === 0 || random.chance(0.4)) await this.kill();
      else await this.cut();
    }
  }

  private async kill(): Promise<void> {
    this.kills += 1;
    await this.gateway.kill();
    await delay(this.random.below(500));
    await this.gateway.start();
  }

  private async cut(): Promise<void> {
    this.cuts += 1;
    const { proxy, random } = this;
    // The next ones too, somewhere between the greeting and the middle of what is read.
    proxy.cut = { direction: random.chance(0.3) ? 'toServer' : 'toClient', afterBytes: random.between(100, 12_000) };
    proxy.cutNow();
    await delay(random.below(2_000));
    proxy.cut = undefined;
  }
}
