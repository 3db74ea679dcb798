import { Controller, Get } from '@nestjs/common';

/** The one route. Whoever limits it does so from outside. */
@Controller()
export class WhoController {
  @Get('who')
  who() {
    return { ok: true };
  }
}
