import { Injectable, type OnModuleDestroy } from '@nestjs/common';

type Check = () => boolean | Promise<boolean>;

const deadlineMs = 2_000;

/** Whether requests can be served now. Whoever something depends on registers here what to ask; asking is `/health/ready`'s. */
@Injectable()
export class Readiness implements OnModuleDestroy {
  private readonly checks = new Map<string, Check>();

  /** @param check may throw or hang: both count as no */
  register(name: string, check: Check): void {
    this.checks.set(name, check);
  }

  /** From here on load balancers are to choose somebody else; what comes nevertheless is served for a few seconds more. */
  onModuleDestroy(): void {
    this.register('staying', () => false);
  }

  async check(): Promise<Readonly<Record<string, boolean>>> {
    const results = await Promise.all(
      [...this.checks].map(async ([name, check]) => [name, await answer(check)] as const),
    );
    return Object.fromEntries(results);
  }
}

async function answer(check: Check): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), deadlineMs);
  });
  try {
    return await Promise.race([Promise.resolve().then(check), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
