import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { AppModule } from './app.module.js';

const { DATABASE_URL, REDIS_URL, HOST = '127.0.0.1', PORT = '3000' } = process.env;
if (DATABASE_URL === undefined) {
  throw new Error(
    'Expected DATABASE_URL to name a PostgreSQL database, got nothing. Run `npm start`, which brings one.',
  );
}

const app = await NestFactory.create(AppModule.with({ databaseUrl: DATABASE_URL, redisUrl: REDIS_URL }));
app.enableShutdownHooks();
const document = new DocumentBuilder().setTitle('Larder demo shop').build();
SwaggerModule.setup('docs', app, SwaggerModule.createDocument(app, document));
await app.listen(Number(PORT), HOST);

const at = await app.getUrl();
new Logger('Demo').log(`The shop is open at ${at} (API description at ${at}/docs)`);
new Logger('Demo').log(`Try: curl -i ${at}/products/1`);
