import { Module } from '@nestjs/common';
import { ConversationController } from './conversation.controller.js';
import { ConversationService } from './conversation.service.js';

/** Needs `CacheModule` and `PrefixIndexModule` in the application, on whatever they stand. */
@Module({ controllers: [ConversationController], providers: [ConversationService] })
export class ConversationModule {}
