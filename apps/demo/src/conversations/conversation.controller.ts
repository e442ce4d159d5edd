import { Body, Controller, DefaultValuePipe, Get, HttpCode, ParseUUIDPipe, Post, Query } from '@nestjs/common';
import { ApiBody, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { PromptRequest } from 'nestjs-larder/prefix';
import { ConversationService, type Turn } from './conversation.service.js';
import { SCRIPTED_CONVERSATION } from './scripted-conversation.js';

/** Whose conversation it is where a request names no customer. */
const SOMEBODY = '00000000-0000-4000-8000-000000000001';

@ApiTags('conversations')
@ApiQuery({ name: 'customer', required: false, schema: { type: 'string', format: 'uuid' } })
@Controller('conversations')
export class ConversationController {
  constructor(private readonly conversations: ConversationService) {}

  /** One turn: a request as the API of a model takes it, with all that was said before. */
  @Post()
  @HttpCode(200)
  @ApiBody({ schema: { example: SCRIPTED_CONVERSATION[0] } })
  send(
    @Body() request: PromptRequest,
    @Query('customer', new DefaultValuePipe(SOMEBODY), ParseUUIDPipe) customer: string,
  ): Promise<Turn> {
    return this.conversations.send(customer, request);
  }

  /** A conversation that grows turn by turn, and what of each turn was known. */
  @Get('scripted')
  async scripted(@Query('customer', new DefaultValuePipe(SOMEBODY), ParseUUIDPipe) customer: string): Promise<Turn[]> {
    const turns: Turn[] = [];
    for (const request of SCRIPTED_CONVERSATION) turns.push(await this.conversations.send(customer, request));
    return turns;
  }
}
